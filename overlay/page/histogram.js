/** Bins of a size distribution, and what statistics say of it as a curve. */

import { roundLength } from "./scale.js";

/**
 * Round bins that hold all values; the number of bins follows from the number of values.
 * @param {number[][]} groups values above 0.
 * @returns {{start: number, step: number, bins: number[][]}|null} counts, a row a group; null without values.
 */
export function histogram(groups) {
  const all = groups.flat();
  if (!all.length) return null;
  const sorted = Float64Array.from(all).sort();
  const low = sorted[0];
  const high = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.995))]; // one giant must not squeeze the rest
  const most = Math.min(36, Math.max(8, Math.ceil(3 * Math.cbrt(all.length)))); // Rice's rule, before rounding
  const step = roundLength((Math.max(high - low, high * 0.1) / most) * 2.5);
  const start = Math.max(0, Math.floor(low / step) * step);
  const many = Math.max(1, Math.floor((high - start) / step + 1e-9) + 1);
  const bins = groups.map((values) => {
    const row = new Array(many).fill(0);
    for (const value of values) row[Math.min(many - 1, Math.max(0, Math.floor((value - start) / step + 1e-9)))] += 1;
    return row;
  });
  return { start, step, bins };
}

/** Density of a lognormal distribution, per unit of x. */
export function lognormal(x, geometricMean, sigmaG) {
  const spread = Math.log(sigmaG);
  if (!(x > 0) || !(spread > 0)) return 0;
  const z = Math.log(x / geometricMean) / spread;
  return Math.exp(-z * z / 2) / (x * spread * Math.sqrt(2 * Math.PI));
}
