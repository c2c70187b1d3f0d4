/** Mouse, pen and fingers on the picture: moving and zooming it, or drawing on it. */

const CLICK_PX = 4;

/**
 * One finger or the left button draws where a tool is in use, and moves the picture otherwise. Two fingers, the wheel and
 * the middle button always zoom and move. `on` has `changed`, `point(at|null)`, `drag` and `drop(from, to, event)` with
 * points of the picture, `tap(at)` and `draws()`.
 */
export class Gestures {
  #pointers = new Map();
  #start = null;
  #last = 0;

  constructor(canvas, view, on) {
    Object.assign(this, { canvas, view, on });
    const listen = (name, handle, options) => canvas.addEventListener(name, handle, options);
    listen("pointerdown", (event) => this.#down(event));
    listen("pointermove", (event) => this.#move(event));
    listen("pointerup", (event) => this.#up(event));
    listen("pointercancel", (event) => this.#cancel(event));
    listen("pointerleave", () => on.point(null));
    listen("wheel", (event) => this.#wheel(event), { passive: false });
    listen("dblclick", () => { if (!on.draws()) this.reset(); });
    listen("contextmenu", (event) => { if (this.#start) event.preventDefault(); });
  }

  reset() {
    this.view.fit();
    this.on.changed();
  }

  #at(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  #down(event) {
    if (event.button > 1) return;
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.#at(event);
    this.#pointers.set(event.pointerId, at);
    if (this.#pointers.size > 1) this.#start = null; // two fingers zoom, whatever one of them began
    else this.#start = { at, from: this.view.inside(this.view.toPicture(at)), moved: false, draws: this.on.draws() && event.button === 0 };
  }

  #move(event) {
    const at = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return this.on.point(at);
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, before, at);
    else if (this.#start) this.#pull(before, at, event);
    this.#pointers.set(event.pointerId, at);
    return undefined;
  }

  #pull(before, at, event) {
    const start = this.#start;
    start.moved ||= Math.hypot(at.x - start.at.x, at.y - start.at.y) > CLICK_PX;
    if (!start.moved) return;
    if (start.draws) this.on.drag(start.from, this.#end(at), event);
    else {
      this.view.pan(at.x - before.x, at.y - before.y);
      this.on.changed();
    }
  }

  #end(at) {
    return this.view.inside(this.view.toPicture(at));
  }

  #pinch(id, before, at) {
    const other = [...this.#pointers].find(([key]) => key !== id)[1];
    const factor = Math.hypot(at.x - other.x, at.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
    this.view.zoomBy(factor, { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
    this.view.pan((at.x - before.x) / 2, (at.y - before.y) / 2);
    this.on.changed();
  }

  #up(event) {
    const at = this.#at(event);
    this.#pointers.delete(event.pointerId);
    const start = this.#start;
    this.#start = null;
    if (!start) return;
    if (start.moved && start.draws) this.on.drop(start.from, this.#end(at), event);
    else if (!start.moved) this.#tapped(at, event);
  }

  /** A finger has no double click of its own everywhere. */
  #tapped(at, event) {
    const twice = event.pointerType === "touch" && event.timeStamp - this.#last < 300 && !this.on.draws();
    this.#last = event.timeStamp;
    if (twice) this.reset();
    else this.on.tap(at);
  }

  #cancel(event) {
    this.#pointers.delete(event.pointerId);
    this.#start = null;
    this.on.changed();
  }

  #wheel(event) {
    event.preventDefault();
    const notches = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY / 3 : event.deltaY / 100;
    this.view.zoomBy(1.25 ** -notches, this.#at(event));
    this.on.changed();
  }
}
