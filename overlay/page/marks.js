/** What is drawn over the picture. Every function takes a 2D context in CSS pixels and a `Viewport`. */

import { lookOf } from "./kinds.js";
import { distanceNm, distancePx, lengthWords, roundLength } from "./scale.js";

const INK = "#ffffff";
const SHADE = "rgba(0, 0, 0, 0.65)";
const LETTERS = 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

/** Boxes of all particles, or contours of those that have one; those that are masked are faint and grey. */
export function particles(ctx, view, all, kinds, { thick = 2, unit_px = null } = {}) {
  kinds.forEach((kind, index) => {
    const { colour, dash } = lookOf(kind, index);
    const own = all.filter((p) => p.kind === kind && !p.masked);
    outline(ctx, pathOf(view, own, { round: dash.length > 0, unit_px }), { colour, dash, thick });
  });
  ctx.save();
  ctx.globalAlpha *= 0.45;
  outline(ctx, pathOf(view, all.filter((p) => p.masked)), { colour: INK, dash: [2, 3], thick: 1 });
  ctx.restore();
}

/** `unit_px`: of contours; null: boxes of all. */
function pathOf(view, particles, { round = false, unit_px = null } = {}) {
  const path = new Path2D();
  for (const { x1, y1, x2, y2, outline: points } of particles) {
    if (unit_px && points) {
      trace(path, view, points, unit_px);
      continue;
    }
    const { x, y } = view.toScreen({ x: x1, y: y1 });
    const [width, height] = [view.zoom * (x2 - x1), view.zoom * (y2 - y1)];
    if (round) path.roundRect(x, y, width, height, 0.28 * Math.min(width, height));
    else path.rect(x, y, width, height);
  }
  return path;
}

/** A closed line through x y x y ... in units of so many pixels of the picture. */
function trace(path, { left, top, zoom }, points, unit_px) {
  const scale = zoom * unit_px;
  path.moveTo(left + scale * points[0], top + scale * points[1]);
  for (let i = 2; i < points.length; i += 2) path.lineTo(left + scale * points[i], top + scale * points[i + 1]);
  path.closePath();
}

/** A line with a dark rim, so that it shows on bright ground too. */
function outline(ctx, path, { colour, dash, thick }) {
  ctx.setLineDash([]);
  ctx.lineWidth = thick + 1.5;
  ctx.strokeStyle = "rgba(0, 0, 0, 0.35)";
  ctx.stroke(path);
  ctx.setLineDash(dash);
  ctx.lineWidth = thick;
  ctx.strokeStyle = colour;
  ctx.stroke(path);
  ctx.setLineDash([]);
}

/** The particle that is pointed at. */
export function highlight(ctx, view, particle, { unit_px }) {
  ctx.fillStyle = "rgba(255, 255, 255, 0.14)";
  const path = pathOf(view, [particle], { unit_px });
  ctx.fill(path);
  outline(ctx, path, { colour: INK, dash: [], thick: 2 });
}

/** A word beside a point, on a dark patch. */
export function word(ctx, text, { x, y }, { colour = INK, size = 12, align = "left" } = {}) {
  ctx.font = `600 ${size}px ${LETTERS}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const width = ctx.measureText(text).width;
  const left = align === "center" ? x - width / 2 : x;
  ctx.fillStyle = SHADE;
  ctx.fillRect(left - 4, y - size * 0.75, width + 8, size * 1.5);
  ctx.fillStyle = colour;
  ctx.fillText(text, left, y);
}

/** Track number, or class and score, above each box. */
export function labels(ctx, view, particles, kinds, { tracks, scores }) {
  for (const particle of particles) {
    const { x1, y1, kind, score, track, masked } = particle;
    const parts = [tracks && track >= 0 ? `#${track}` : "", scores ? score.toFixed(2) : ""].filter(Boolean);
    if (!parts.length || masked) continue;
    const at = view.toScreen({ x: x1, y: y1 });
    if (at.x < -60 || at.y < -20 || at.x > view.width || at.y > view.height + 20) continue;
    word(ctx, parts.join(" "), { x: at.x + 3, y: at.y - 8 }, { colour: lookOf(kind, kinds.indexOf(kind)).colour, size: 11 });
  }
}

function corners(view, [x1, y1, x2, y2]) {
  const from = view.toScreen({ x: x1, y: y1 });
  const to = view.toScreen({ x: x2, y: y2 });
  return [from.x, from.y, to.x - from.x, to.y - from.y];
}

/** What lies outside of the region is dimmed. */
export function region(ctx, view, roi) {
  const field = new Path2D();
  field.rect(...corners(view, [0, 0, view.pictureWidth, view.pictureHeight]));
  field.rect(...corners(view, roi));
  ctx.fillStyle = "rgba(6, 9, 13, 0.6)";
  ctx.fill(field, "evenodd");
  const rim = new Path2D();
  rim.rect(...corners(view, roi));
  outline(ctx, rim, { colour: INK, dash: [10, 6], thick: 1.5 });
}

/** Hatched: nothing is counted here. */
export function mask(ctx, view, box, { chosen = false } = {}) {
  const [x, y, width, height] = corners(view, box);
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.fillStyle = chosen ? "rgba(213, 94, 0, 0.35)" : "rgba(6, 9, 13, 0.35)";
  ctx.fill();
  ctx.clip();
  ctx.beginPath();
  for (let at = -height; at < width; at += 12) {
    ctx.moveTo(x + at, y + height);
    ctx.lineTo(x + at + height, y);
  }
  ctx.lineWidth = 1;
  ctx.strokeStyle = "rgba(255, 255, 255, 0.35)";
  ctx.stroke();
  ctx.restore();
  const rim = new Path2D();
  rim.rect(x, y, width, height);
  outline(ctx, rim, { colour: chosen ? "#d55e00" : "#c8d0d8", dash: [], thick: 1.5 });
}

/** A rectangle that is being drawn, with its size. */
export function draft(ctx, view, box) {
  const [x, y, width, height] = corners(view, box);
  ctx.fillStyle = "rgba(255, 255, 255, 0.12)";
  ctx.fillRect(x, y, width, height);
  const rim = new Path2D();
  rim.rect(x, y, width, height);
  outline(ctx, rim, { colour: INK, dash: [6, 4], thick: 2 });
  word(ctx, `${box[2] - box[0]} × ${box[3] - box[1]} px`, { x: x + 6, y: Math.max(12, y - 12) });
}

/** A measured line with its length. */
export function line(ctx, view, from, to, nmPerPx) {
  const [a, b] = [view.toScreen(from), view.toScreen(to)];
  const turn = Math.atan2(b.y - a.y, b.x - a.x) + Math.PI / 2;
  const [dx, dy] = [7 * Math.cos(turn), 7 * Math.sin(turn)];
  const path = new Path2D();
  path.moveTo(a.x, a.y);
  path.lineTo(b.x, b.y);
  for (const { x, y } of [a, b]) {
    path.moveTo(x - dx, y - dy);
    path.lineTo(x + dx, y + dy);
  }
  outline(ctx, path, { colour: "#f0e442", dash: [], thick: 2 });
  const nm = distanceNm(from, to, nmPerPx);
  const px = `${Math.round(distancePx(from, to))} px`;
  const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 - 18 };
  word(ctx, nm === null ? px : `${lengthWords(nm)}  (${px})`, middle, { colour: "#f0e442", size: 14, align: "center" });
}

/** Lines through the middle of the picture. */
export function crosshair(ctx, view) {
  const { x, y } = view.toScreen({ x: view.pictureWidth / 2, y: view.pictureHeight / 2 });
  const [left, top, width, height] = corners(view, [0, 0, view.pictureWidth, view.pictureHeight]);
  const path = new Path2D();
  for (const [x1, y1, x2, y2] of [
    [left, y, x - 12, y], [x + 12, y, left + width, y], [x, top, x, y - 12], [x, y + 12, x, top + height],
  ]) {
    path.moveTo(x1, y1);
    path.lineTo(x2, y2);
  }
  path.moveTo(x + 12, y);
  path.arc(x, y, 12, 0, 2 * Math.PI);
  outline(ctx, path, { colour: "rgba(255, 255, 255, 0.75)", dash: [], thick: 1 });
}

/** Round length in the lower right corner of what is seen of the picture, or why there is none. */
export function scaleBar(ctx, view, nmPerPx, why) {
  const [left, top, width, height] = corners(view, [0, 0, view.pictureWidth, view.pictureHeight]);
  const right = Math.min(view.width, left + width) - 16;
  const bottom = Math.min(view.height, top + height) - 16;
  if (!nmPerPx) {
    const text = `pixel size unknown: ${why}`;
    ctx.font = `600 13px ${LETTERS}`;
    word(ctx, text, { x: right - ctx.measureText(text).width, y: bottom - 6 }, { size: 13, colour: "#f0e442" });
    return;
  }
  const seen = Math.min(view.width, width);
  const nm = roundLength((seen * 0.25 * nmPerPx[0]) / view.zoom);
  const long = (nm / nmPerPx[0]) * view.zoom;
  const size = Math.max(13, Math.min(26, seen / 55));
  ctx.fillStyle = SHADE;
  ctx.fillRect(right - long - 10, bottom - size * 1.9, long + 20, size * 1.9 + 8);
  ctx.fillStyle = INK;
  ctx.fillRect(right - long, bottom - 5, long, 5);
  ctx.font = `600 ${size}px ${LETTERS}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  ctx.fillText(lengthWords(nm), right - long / 2, bottom - 5 - size * 0.4);
}
