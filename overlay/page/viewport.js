/** Which part of the picture is seen where on the screen: zoom, pan and the way there and back. */

const LARGEST = 40;

/**
 * Picture x, y (pixels, from its top left corner) lie on the screen at `left + zoom * x`, `top + zoom * y` (CSS pixels).
 * While `fitted`, all of the picture is seen, as large as it can be.
 */
export class Viewport {
  constructor() {
    Object.assign(this, { width: 1, height: 1, pictureWidth: 0, pictureHeight: 0, zoom: 1, left: 0, top: 0, fitted: true });
  }

  /** The screen has another size. */
  resize(width, height) {
    const centre = this.toPicture({ x: this.width / 2, y: this.height / 2 });
    Object.assign(this, { width, height });
    if (this.fitted) this.fit();
    else this.#place(centre, { x: width / 2, y: height / 2 });
  }

  /** A picture of this size is shown; another size than before is seen as a whole again. */
  show(width, height) {
    if (width === this.pictureWidth && height === this.pictureHeight) return;
    Object.assign(this, { pictureWidth: width, pictureHeight: height });
    this.fit();
  }

  get fitZoom() {
    return this.pictureWidth ? Math.min(this.width / this.pictureWidth, this.height / this.pictureHeight) : 1;
  }

  fit() {
    this.zoom = this.fitZoom;
    this.fitted = true;
    this.left = (this.width - this.zoom * this.pictureWidth) / 2;
    this.top = (this.height - this.zoom * this.pictureHeight) / 2;
  }

  /** Zoom by a factor; what lies under the point `at` of the screen stays there. */
  zoomBy(factor, at) {
    const under = this.toPicture(at);
    const wanted = Math.min(this.zoom * factor, Math.max(LARGEST, this.fitZoom));
    if (wanted <= this.fitZoom * 1.001) return this.fit();
    this.zoom = wanted;
    this.fitted = false;
    this.#place(under, at);
  }

  /** Move by CSS pixels; a fitted picture stays where it is. */
  pan(dx, dy) {
    if (this.fitted) return;
    this.left += dx;
    this.top += dy;
    this.#keepInside();
  }

  toPicture({ x, y }) {
    return { x: (x - this.left) / this.zoom, y: (y - this.top) / this.zoom };
  }

  toScreen({ x, y }) {
    return { x: this.left + this.zoom * x, y: this.top + this.zoom * y };
  }

  /** The nearest point that lies in the picture. */
  inside({ x, y }) {
    return { x: Math.min(Math.max(x, 0), this.pictureWidth), y: Math.min(Math.max(y, 0), this.pictureHeight) };
  }

  #place(point, at) {
    this.left = at.x - this.zoom * point.x;
    this.top = at.y - this.zoom * point.y;
    this.#keepInside();
  }

  /** No side of the picture is dragged further in than it must be. */
  #keepInside() {
    this.left = kept(this.left, this.zoom * this.pictureWidth, this.width);
    this.top = kept(this.top, this.zoom * this.pictureHeight, this.height);
  }
}

function kept(start, length, room) {
  if (length <= room) return (room - length) / 2;
  return Math.min(0, Math.max(room - length, start));
}

/** Corners of a box between two points of the picture, whole pixels, half-open: `[x1, y1, x2, y2]`. */
export function boxBetween(a, b) {
  return [
    Math.round(Math.min(a.x, b.x)), Math.round(Math.min(a.y, b.y)),
    Math.round(Math.max(a.x, b.x)), Math.round(Math.max(a.y, b.y)),
  ];
}

/** A region that holds all of the picture is none: null. */
export function partOf(roi, width, height) {
  if (!roi) return null;
  const [x1, y1, x2, y2] = roi;
  return x1 <= 0 && y1 <= 0 && x2 >= width && y2 >= height ? null : roi;
}

export const isIn = ([x1, y1, x2, y2], { x, y }) => x >= x1 && x < x2 && y >= y1 && y < y2;
