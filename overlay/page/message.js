/** Binary message of the server: one displayed frame, its facts and its picture. */

/**
 * u32 little-endian length of a JSON, the JSON, the outlines where there are any, then the JPEG.
 * @param {ArrayBuffer} buffer
 * @returns {{facts: object, outlines: Int16Array|null, jpeg: Uint8Array}}
 * @throws {Error} the message is cut short or is not what this page knows.
 */
export function decodeFrame(buffer) {
  if (buffer.byteLength < 4) throw new Error(`a frame of ${buffer.byteLength} bytes is cut short`);
  const length = new DataView(buffer).getUint32(0, true);
  if (4 + length > buffer.byteLength) throw new Error(`a frame of ${buffer.byteLength} bytes is cut short`);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const size = facts.outlines?.bytes ?? 0;
  if (4 + length + size > buffer.byteLength) throw new Error(`a frame of ${buffer.byteLength} bytes is cut short`);
  const outlines = size ? new Int16Array(buffer.slice(4 + length, 4 + length + size)) : null;
  return { facts, outlines, jpeg: new Uint8Array(buffer, 4 + length + size) };
}

const MASKED = 4;

/**
 * Particles of a frame as one object each, in the order of the wire.
 * @returns {Array<{x1, y1, x2, y2, kind: string, score, track, size: number|null, ecd, edge, masked: boolean, outline}>}
 *   `size` is what statistics are of: the edge of a cube, the equivalent circular diameter of all others.
 *   `outline`: x y x y ... in units of `facts.outlines.unit_px`; null where the contour is not known.
 */
export function particlesOf(facts, outlines = null) {
  const long = 2 * (facts.outlines?.points ?? 0);
  const { x1, y1, x2, y2, class: kinds, score, track, ecd, edge, flags } = facts.particles;
  return x1.map((_, i) => {
    const kind = facts.classes[kinds[i]];
    const size = kind === "cube" && edge ? edge[i] : ecd[i];
    const outline = outlines?.subarray(i * long, (i + 1) * long);
    return {
      x1: x1[i], y1: y1[i], x2: x2[i], y2: y2[i], kind, score: score[i], track: track[i],
      size, ecd: ecd[i], edge: edge ? edge[i] : null, masked: Boolean(flags[i] & MASKED),
      outline: outline?.[0] >= 0 ? outline : null,
    };
  });
}
