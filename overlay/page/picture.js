/** The live picture: a canvas on which the frame and its boxes are drawn in one go, so that they are always in step. */

import { Gestures } from "./gestures.js";
import * as marks from "./marks.js";
import { preferences } from "./preferences.js";
import { isIn } from "./viewport.js";
import { figure, kindWords, pixelSizeWords } from "./words.js";
import { Viewport } from "./viewport.js";

const DIMMED = 0.3;

export class Picture {
  #asked = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} tip what is told of the particle that is pointed at.
   */
  constructor(canvas, tip) {
    Object.assign(this, { canvas, tip, view: new Viewport(), feed: null, live: false });
    this.tool = null;
    this.drawn = null;
    this.roi = null;
    this.masks = [];
    this.pointer = null;
    this.gestures = new Gestures(canvas, this.view, {
      changed: () => this.paint(),
      point: (at) => this.#point(at),
      drag: (from, to, event) => this.#drag(from, to, event),
      drop: (from, to, event) => this.#drop(from, to, event),
      tap: (at) => this.#tap(at),
      draws: () => this.tool !== null,
    });
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  #resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.view.resize(clientWidth, clientHeight);
    this.#draw(); // at once: a resized canvas is empty
  }

  /** Draw before the next refresh of the screen. */
  paint() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  #draw() {
    const ctx = this.canvas.getContext("2d");
    ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    ctx.clearRect(0, 0, this.view.width, this.view.height);
    const bitmap = this.feed?.bitmap;
    if (!bitmap) return;
    const { view } = this;
    view.show(bitmap.width, bitmap.height);
    const { x, y } = view.toScreen({ x: 0, y: 0 });
    ctx.globalAlpha = this.live ? 1 : DIMMED;
    ctx.imageSmoothingEnabled = view.zoom < 3;
    ctx.imageSmoothingQuality = "high";
    ctx.drawImage(bitmap, x, y, view.zoom * bitmap.width, view.zoom * bitmap.height);
    this.#drawFound(ctx);
    ctx.globalAlpha = 1;
    this.#drawAids(ctx);
    this.canvas.dataset.frame = this.feed.tally.frame.frame;
    this.canvas.dataset.zoomed = !view.fitted;
  }

  #drawFound(ctx) {
    const { view, feed: { tally } } = this;
    const { classes, outlines } = tally.frame;
    const unit_px = preferences.outline === "contours" ? (outlines?.unit_px ?? null) : null;
    if (this.roi) marks.region(ctx, view, this.roi);
    for (const box of this.masks) marks.mask(ctx, view, box, { chosen: this.tool?.masks && this.#pointsAt(box) });
    if (preferences.outline) {
      marks.particles(ctx, view, tally.particles, classes, { thick: Math.min(3, Math.max(1.5, view.width / 700)), unit_px });
    }
    const { tracks, labels: scores } = preferences;
    if (tracks || scores) marks.labels(ctx, view, tally.particles, classes, { tracks, scores });
    const hovered = this.#hovered();
    if (hovered) marks.highlight(ctx, view, hovered, { unit_px });
    this.#tell(hovered);
  }

  #drawAids(ctx) {
    const { view, feed: { tally: { frame } } } = this;
    if (preferences.crosshair) marks.crosshair(ctx, view);
    marks.scaleBar(ctx, view, frame.nm_per_px, pixelSizeWords(frame.nm_per_px, frame.pixel_size_from));
    if (!this.drawn) return;
    if (this.drawn.box) marks.draft(ctx, view, this.drawn.box);
    else marks.line(ctx, view, this.drawn.from, this.drawn.to, this.drawn.bare ? null : frame.nm_per_px);
  }

  #pointsAt(box) {
    return this.pointer !== null && isIn(box, this.view.toPicture(this.pointer));
  }

  /** The smallest particle under the pointer. */
  #hovered() {
    if (!this.pointer || this.tool || !this.live) return null;
    const at = this.view.toPicture(this.pointer);
    const under = this.feed.tally.particles.filter(({ x1, y1, x2, y2 }) => isIn([x1, y1, x2, y2], at));
    const area = ({ x1, y1, x2, y2 }) => (x2 - x1) * (y2 - y1);
    return under.reduce((least, one) => (least && area(least) <= area(one) ? least : one), null);
  }

  #tell(particle) {
    this.tip.hidden = !particle;
    if (!particle) return;
    this.tip.textContent = tipOf(particle, this.feed.tally.frame.ecd_unit);
    const { x, y } = this.view.toScreen({ x: particle.x2, y: particle.y1 });
    const room = this.view.width - this.tip.offsetWidth - 8;
    this.tip.style.left = `${Math.max(8, Math.min(x + 8, room))}px`;
    this.tip.style.top = `${Math.max(8, Math.min(y, this.view.height - this.tip.offsetHeight - 8))}px`;
  }

  #point(at) {
    this.pointer = at;
    this.paint();
  }

  #drag(from, to, event) {
    this.drawn = this.tool.draft(from, to, event);
    this.canvas.dataset.drawing = true; // words step aside
    this.paint();
  }

  #drop(from, to, event) {
    const drawn = this.tool.draft(from, to, event);
    this.canvas.dataset.drawing = false;
    if (!this.tool.keeps) this.drawn = null;
    this.tool.finish(drawn);
    this.paint();
  }

  #tap(at) {
    if (this.tool?.tap) this.tool.tap(this.view.toPicture(at));
    else this.#point(at);
    this.paint();
  }

  /** Draw with this tool from now on; null: move the picture. */
  use(tool) {
    this.tool = tool;
    this.drawn = null;
    this.canvas.dataset.tool = tool?.name ?? "";
    this.canvas.dataset.drawing = false;
    this.paint();
  }
}

/** Class, score, size and track of a particle, a line each. */
function tipOf({ kind, score, track, ecd, edge, masked }, unit) {
  const lines = [`${kindWords(kind, 1)}, score ${score.toFixed(2)}`];
  if (edge != null) lines.push(`edge ${figure(edge)} ${unit}`);
  lines.push(ecd == null ? "not measured" : `diameter (ECD) ${figure(ecd)} ${unit}`);
  if (track >= 0) lines.push(`particle #${track}`);
  if (masked) lines.push("masked: not counted");
  return lines.join("\n");
}
