/** What somebody should know about the numbers, in the upper left corner of the picture. */

import { icon, make } from "./element.js";

/**
 * @param {import("./tally.js").Tally} tally
 * @param {object} shown see `Tally.shown`.
 * @returns {Array<{key: string, text: string, confirm?: boolean}>}
 */
export function noticesOf(tally, shown) {
  const found = [];
  const { status, counts, pixelSize } = tally;
  if (shown.live && shown.truncated) found.push({ key: "truncated", text: "More particles than the model may report: the counts are too low." });
  if (status?.journal_fault) found.push({ key: "journal", text: `Counts are not being saved: ${status.journal_fault}` });
  if (pixelSize.nm === null && pixelSize.from?.startsWith("unconfirmed")) {
    found.push({ key: "pixel", text: "The magnification changed: the pixel size has to be confirmed or drawn anew.", confirm: true });
  }
  const grounds = counts?.statistics?.grounds;
  if (shown.live && grounds > 1) {
    found.push({ key: "grounds", text: `${grounds} stretches of ground could not be joined: unique counts may hold particles twice.` });
  }
  return found;
}

export class Notices {
  #told = "";

  /** @param {() => void} confirm confirms the pixel size. */
  constructor(place, confirm) {
    Object.assign(this, { place, confirm });
  }

  update(found, mayControl) {
    const told = JSON.stringify([found, mayControl]);
    if (told === this.#told) return;
    this.#told = told;
    this.place.replaceChildren(...found.map(({ key, text, confirm }) => {
      const notice = make("p", { "data-notice": key }, icon("lost"), make("span", { text }));
      if (confirm && mayControl) notice.append(make("button", { type: "button", text: "It is as before", onclick: this.confirm }));
      return notice;
    }));
  }
}
