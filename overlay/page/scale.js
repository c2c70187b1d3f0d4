/** Lengths on the specimen: round numbers for a scale bar, words for a length, pixel size from a drawn line. */

/** The largest of 1, 2 or 5 times a power of ten that is not longer than `longest`. */
export function roundLength(longest) {
  const power = 10 ** Math.floor(Math.log10(longest));
  const fitting = [1, 2, 5].filter((step) => step * power <= longest * (1 + 1e-9));
  return fitting.length ? fitting[fitting.length - 1] * power : power / 2; // log10 may round up
}

const UNITS = [[1e6, "mm"], [1e3, "µm"], [1, "nm"], [1e-3, "pm"]];

/** A length in nanometres as people write it: `200 nm`, `1.5 µm`. */
export function lengthWords(nm, digits = 3) {
  const [factor, unit] = UNITS.find(([least]) => nm >= least) ?? UNITS[UNITS.length - 1];
  return `${Number((nm / factor).toPrecision(digits))} ${unit}`;
}

/** Distance of two points of the picture in pixels. */
export const distancePx = (a, b) => Math.hypot(b.x - a.x, b.y - a.y);

/** Distance of two points of the picture in nanometres; pixels need not be square. Null: pixel size not known. */
export function distanceNm(a, b, nmPerPx) {
  return nmPerPx ? Math.hypot((b.x - a.x) * nmPerPx[0], (b.y - a.y) * nmPerPx[1]) : null;
}

/** The end of a line from `a` that is horizontal, as scale bars are. */
export const levelled = (a, b) => ({ x: b.x, y: a.y });

/**
 * What somebody typed as the length of a scale bar, in nanometres.
 * @returns {number|null} null if it is no length: `200`, `200 nm`, `0,5 µm` and `1 um` are.
 */
export function lengthTyped(text) {
  const found = /^\s*(\d+(?:[.,]\d+)?|[.,]\d+)\s*(pm|nm|µm|μm|um|mm)?\s*$/i.exec(text);
  if (!found) return null;
  const factor = { pm: 1e-3, nm: 1, "µm": 1e3, "μm": 1e3, um: 1e3, mm: 1e6 }[(found[2] ?? "nm").toLowerCase()];
  const nm = Number(found[1].replace(",", ".")) * factor;
  return nm > 0 ? nm : null;
}
