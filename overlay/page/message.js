/** Binary message of the server: one displayed frame, its facts and its picture. */

/**
 * u32 little-endian length of a JSON, the JSON, then the JPEG.
 * @param {ArrayBuffer} buffer
 * @returns {{facts: object, jpeg: Uint8Array}}
 * @throws {Error} the message is cut short or is not what this page knows.
 */
export function decodeFrame(buffer) {
  if (buffer.byteLength < 4) throw new Error(`a frame of ${buffer.byteLength} bytes is cut short`);
  const length = new DataView(buffer).getUint32(0, true);
  if (4 + length > buffer.byteLength) throw new Error(`a frame of ${buffer.byteLength} bytes is cut short`);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { facts, jpeg: new Uint8Array(buffer, 4 + length) };
}

const MASKED = 4;

/**
 * Particles of a frame as one object each, in the order of the wire.
 * @returns {Array<{x1, y1, x2, y2, kind: string, score, track, size: number|null, ecd, edge, masked: boolean}>}
 *   `size` is what statistics are of: the edge of a cube, the equivalent circular diameter of all others.
 */
export function particlesOf(facts) {
  const { x1, y1, x2, y2, class: kinds, score, track, ecd, edge, flags } = facts.particles;
  return x1.map((_, i) => {
    const kind = facts.classes[kinds[i]];
    const size = kind === "cube" && edge ? edge[i] : ecd[i];
    return {
      x1: x1[i], y1: y1[i], x2: x2[i], y2: y2[i], kind, score: score[i], track: track[i],
      size, ecd: ecd[i], edge: edge ? edge[i] : null, masked: Boolean(flags[i] & MASKED),
    };
  });
}
