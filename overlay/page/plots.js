/** The two small plots, as SVG: sizes, and counts over time. */

import { makeSvg } from "./element.js";
import { lognormal } from "./histogram.js";
import { lookOf } from "./kinds.js";
import { roundLength } from "./scale.js";
import { figure } from "./words.js";

const MARGIN = { left: 34, right: 10, bottom: 22 };

/** An empty plot as large as `place`, and where values lie in it. */
function canvasOf(place, [xLow, xHigh], yHigh, top = 8) {
  const [width, height] = [place.clientWidth || 320, place.clientHeight || 140];
  const inner = { width: width - MARGIN.left - MARGIN.right, height: height - top - MARGIN.bottom };
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  return {
    svg, width, height,
    holds: (value) => value >= xLow && value <= xHigh,
    x: (value) => MARGIN.left + (inner.width * (value - xLow)) / (xHigh - xLow || 1),
    y: (value) => top + inner.height * (1 - value / (yHigh || 1)),
  };
}

const words = (text, x, y, anchor = "middle") => {
  const node = makeSvg("text", { x, y, "text-anchor": anchor });
  node.textContent = text;
  return node;
};

/** Rules at 0 and a round number below `high`, and their numbers. */
function levels(plot, high) {
  const top = roundLength(Math.max(1, high));
  for (const value of new Set([0, top])) {
    plot.svg.append(
      makeSvg("line", { class: "rule", x1: MARGIN.left, x2: plot.width - MARGIN.right, y1: plot.y(value), y2: plot.y(value) }),
      words(figure(value), MARGIN.left - 6, plot.y(value) + 4, "end"),
    );
  }
}

/**
 * @param {HTMLElement} place
 * @param {object|null} binned see `histogram`; null: nothing to show.
 * @param {Array<{name: string, statistics: object|null, n: number}>} groups a group a row of the bins.
 * @param {string} unit
 */
export function drawSizes(place, binned, groups, unit) {
  if (!binned) return place.replaceChildren();
  const { start, step, bins } = binned;
  const end = start + step * bins[0].length;
  const highest = Math.max(...bins.flat(), 1);
  const plot = canvasOf(place, [start, end], highest * 1.05, 12 + 11 * groups.length);
  plot.svg.setAttribute("aria-label", `Histogram of sizes in ${unit}`);
  levels(plot, highest);
  const apart = roundLength(((end - start) / 4) * 1.25);
  for (let tick = Math.ceil(start / apart) * apart; plot.x(tick) < plot.width - 44; tick += apart) {
    plot.svg.append(words(figure(tick), plot.x(tick), plot.height - 6));
  }
  plot.svg.append(words(unit, plot.width - MARGIN.right, plot.height - 6, "end"));
  groups.forEach(({ name, statistics, n }, index) => {
    const look = lookOf(name, index);
    plot.svg.append(makeSvg("path", { d: steps(plot, bins[index], start, step), class: "bars", fill: look.colour, stroke: look.colour, "stroke-dasharray": look.dash.join(" ") }));
    if (statistics?.sigma_g > 1) plot.svg.append(makeSvg("path", { d: curve(plot, statistics, n * step, [start, end]), class: "curve", stroke: look.colour }));
    if (statistics) drawMedian(plot, statistics, look, index);
  });
  return place.replaceChildren(plot.svg);
}

function steps(plot, row, start, step) {
  const corners = row.flatMap((n, i) => [[start + i * step, n], [start + (i + 1) * step, n]]);
  const path = corners.map(([value, n]) => `L${plot.x(value).toFixed(1)} ${plot.y(n).toFixed(1)}`).join("");
  return `M${plot.x(start)} ${plot.y(0)}${path}L${plot.x(start + row.length * step).toFixed(1)} ${plot.y(0)}`;
}

function curve(plot, { geometric_mean_nm: mean, sigma_g: sigma }, area, [low, high]) {
  const points = Array.from({ length: 81 }, (_, i) => low + ((high - low) * i) / 80);
  return `M${points.map((x) => `${plot.x(x).toFixed(1)} ${plot.y(area * lognormal(x, mean, sigma)).toFixed(1)}`).join("L")}`;
}

/** The median as a mark above the bars, with its interval as whiskers. */
function drawMedian(plot, { d50_nm: d50, median_95_nm: interval }, { colour, dash }, index) {
  if (d50 == null || !plot.holds(d50)) return;
  const [x, y] = [plot.x(d50), 8 + 11 * index];
  plot.svg.append(makeSvg("line", { class: "median", x1: x, x2: x, y1: y, y2: plot.height - MARGIN.bottom, stroke: colour }));
  if (interval) {
    const [from, to] = interval.map((value) => plot.x(value));
    plot.svg.append(makeSvg("path", { class: "interval", d: `M${from} ${y - 4}v8m0-4H${to}m0-4v8`, stroke: colour }));
  }
  const round = dash.length ? 5 : 0;
  plot.svg.append(makeSvg("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9, rx: round, fill: colour }));
}

/**
 * @param {HTMLElement} place
 * @param {import("./series.js").Series} series
 * @param {string[]} names of the classes.
 * @param {number} second now.
 */
export function drawTime(place, series, names, second) {
  const seconds = spanOf(second - (series.samples[0]?.second ?? second));
  const plot = canvasOf(place, [second - seconds, second], Math.max(1, series.highest) * 1.1);
  plot.svg.setAttribute("aria-label", `Counts in the field over the last ${seconds} seconds`);
  levels(plot, series.highest);
  plot.svg.append(words(`${seconds / 60} min ago`, MARGIN.left, plot.height - 6, "start"), words("now", plot.width - MARGIN.right, plot.height - 6, "end"));
  names.forEach((name, index) => {
    const { colour, dash } = lookOf(name, index);
    const path = series.stretches(name).map((points) => stretch(plot, points)).join("");
    plot.svg.append(makeSvg("path", { d: path || "M0 0", class: "trace", stroke: colour, "stroke-dasharray": dash.join(" ") }));
  });
  place.replaceChildren(plot.svg);
}

/** Minutes that are shown, in seconds: as many as are needed, in round numbers. */
const spanOf = (seconds) => 60 * ([1, 2, 5].find((minutes) => seconds <= 60 * minutes) ?? 10);

function stretch(plot, points) {
  const path = points.map(({ second, n }) => `${plot.x(second).toFixed(1)} ${plot.y(n).toFixed(1)}`).join("L");
  return `M${path}${points.length === 1 ? "h1" : ""}`;
}
