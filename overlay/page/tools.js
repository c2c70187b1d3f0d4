/** What can be drawn on the picture, and what becomes of it. */

import { distancePx, levelled } from "./scale.js";
import { boxBetween, isIn } from "./viewport.js";

const LEAST_PX = 8;

const rectangle = (from, to) => ({ box: boxBetween(from, to) });
const bareLine = (from, to, event) => ({ from, to: event.shiftKey ? levelled(from, to) : to, bare: true });

/** A ruler: the line stays until another one is drawn. */
export function ruler() {
  return {
    name: "ruler", keeps: true,
    hint: "Draw along what you want to measure. Shift: level.",
    draft: (from, to, event) => ({ ...bareLine(from, to, event), bare: false }),
    finish: () => {},
  };
}

/** The region that is counted. `set(box | null)` takes it over. */
export function region({ set, say, roi }) {
  return {
    name: "region",
    hint: "Draw the region in which particles are counted.",
    action: roi ? { label: "Whole picture", run: () => set(null) } : null,
    draft: rectangle,
    finish: ({ box }) => (isLarge(box) ? set(box) : say(`A region is at least ${LEAST_PX} pixels wide and high.`)),
  };
}

/** Masks: drawing adds one, a click takes one away. `set(masks)` takes them over. */
export function masks({ set, say, all }) {
  return {
    name: "mask", masks: true,
    hint: all.length ? "Draw a mask: nothing is counted there. Click one to remove it." : "Draw a mask: nothing is counted there.",
    action: all.length ? { label: "Remove all", run: () => set([]) } : null,
    draft: rectangle,
    finish: ({ box }) => (isLarge(box) ? set([...all, box]) : say(`A mask is at least ${LEAST_PX} pixels wide and high.`)),
    tap: (at) => {
      const under = all.findLastIndex((box) => isIn(box, at));
      if (under >= 0) set(all.filter((_, index) => index !== under));
    },
  };
}

/** The pixel size, from a line along the scale bar. `measured(px)` asks for its length. */
export function pixelSize({ measured, say }) {
  return {
    name: "pixel", keeps: true,
    hint: "Draw along the scale bar in the picture, from end to end. Zoom in for precision. Shift: level.",
    draft: bareLine,
    finish: ({ from, to }) => {
      const px = distancePx(from, to);
      if (px >= LEAST_PX) measured(px);
      else say(`A line of ${Math.round(px)} pixels is too short to measure by.`);
    },
  };
}

const isLarge = ([x1, y1, x2, y2]) => x2 - x1 >= LEAST_PX && y2 - y1 >= LEAST_PX;
