/** How large the particles are: histogram, median with its interval, and whether there are enough of them. */

import { swatch } from "./counts.js";
import { icon, make, write } from "./element.js";
import { histogram } from "./histogram.js";
import { drawSizes } from "./plots.js";
import { count, figure, kindWords } from "./words.js";

/**
 * The bars are of the particles that this page has seen, the curves and medians of all that the daemon has.
 * @param {{plot: HTMLElement, seen: HTMLElement, rows: HTMLElement}} places
 * @param {import("./tally.js").Tally} tally
 */
export function updateSizes({ plot, seen, rows }, tally) {
  const { sizes, kinds, counts } = tally;
  const statistics = counts?.statistics?.sizes ?? {};
  const values = kinds.map((kind) => sizes.ofKind(kind));
  const unit = sizes.unit || "nm";
  const groups = kinds.map((name, i) => ({ name, n: values[i].length, statistics: unit === "nm" ? (statistics[name] ?? null) : null }));
  drawSizes(plot, histogram(values), groups, unit);
  write(seen, `bars: ${count(values.flat().length)} seen here`);
  plot.dataset.empty = values.every((some) => some.length === 0) ? "No particle has been measured yet." : "";
  rows.replaceChildren(...kinds.map((kind, index) => row(kind, index, groups[index], unit)));
}

function row(kind, index, { n, statistics }, unit) {
  const head = [swatch(kind, index), make("span", { class: "sr", text: kindWords(kind) })];
  if (unit === "px") {
    return make("p", {}, ...head, make("span", { class: "brief", text: `${count(n)} measured in pixels; nanometres need the pixel size` }));
  }
  const { d50_nm: d50, median_95_nm: interval, quantity } = statistics ?? {};
  if (d50 == null) return make("p", {}, ...head, make("span", { class: "brief", text: "no median yet" }));
  return make("p", {}, ...head,
    make("b", { title: `Median of the ${quantity === "edge" ? "edge length" : "equivalent circular diameter"}`, text: `D50 ${figure(d50)} nm` }),
    make("span", { class: "brief", title: "Interval of 95 % for the median", text: interval ? `${figure(interval[0])}–${figure(interval[1])}` : "too few" }),
    light(statistics));
}

/** The "enough particles" light: shape and words, not colour alone. */
function light({ enough, n, needed, precision }) {
  const percent = `±${figure(100 * precision, 1)} %`;
  const title = enough
    ? `The median is known within ${percent}.`
    : `The median is not known within ${percent} yet${needed ? `; the mean needs about ${needed} particles` : ""}.`;
  return make("span", { class: "light", "data-enough": Boolean(enough).toString(), title },
    icon(enough ? "yes" : "notyet"), make("span", { text: enough ? `enough (${count(n)})` : `not enough (${count(n)})` }));
}
