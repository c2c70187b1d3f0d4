/** Numbers as words for people. What is not known is an en dash, never 0. */

export const UNKNOWN = "–";

/** A count with thin spaces: `12 345`. */
export function count(n) {
  return n == null ? UNKNOWN : String(n).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** A number to some significant digits, without an exponent where people would not write one. */
export function figure(value, digits = 3) {
  if (value == null || !Number.isFinite(value)) return UNKNOWN;
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential(digits - 1);
  return String(Number(value.toPrecision(digits)));
}

export function percent(share, digits = 2) {
  return share == null ? UNKNOWN : `${figure(100 * share, digits)} %`;
}

/** How long ago or for how long: `0.4 s`, `12 s`, `3 min`, `2 h 05 min`. */
export function duration(seconds) {
  if (seconds == null) return UNKNOWN;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** A class as people say it: `quasi_sphere` is a quasi-sphere, several are quasi-spheres. */
export function kindWords(name, n = 2) {
  const word = name.replaceAll("_", "-");
  return n === 1 || word.endsWith("s") ? word : `${word}s`;
}

/** `12 cubes, 1 quasi-sphere`; "" where nothing is known. */
export function countsWords(counts) {
  return Object.entries(counts ?? {}).map(([name, n]) => `${count(n)} ${kindWords(name, n)}`).join(", ");
}

/** Time of day of a wall clock, as the reader's clock shows it. */
export function clock(wall) {
  return new Date(wall).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** Where a pixel size comes from, or why there is none. */
export function pixelSizeWords(nmPerPx, from) {
  if (nmPerPx) return from === "config" ? "given by hand" : `from ${from ?? "the feed"}`;
  if (from?.startsWith("unconfirmed")) return from.replace(/^unconfirmed: /, "");
  return from ?? "the feed does not tell it";
}
