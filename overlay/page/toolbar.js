/** The buttons below the picture, by group. */

import { icon, make } from "./element.js";

/**
 * @param {Array<Array<{id, words, sign, key, run, pressed?: () => boolean, possible?: () => boolean}>>} groups
 */
export class Toolbar {
  constructor(place, groups) {
    this.buttons = groups.flat().map((one) => ({ one, node: button(one) }));
    const nodes = new Map(this.buttons.map(({ one, node }) => [one, node]));
    place.replaceChildren(...groups.map((group) => make("div", { class: "group" }, ...group.map((one) => nodes.get(one)))));
  }

  update() {
    for (const { one, node } of this.buttons) {
      node.hidden = one.possible?.() === false;
      if (one.pressed) node.setAttribute("aria-pressed", String(one.pressed()));
    }
    for (const { node } of this.buttons) node.parentElement.hidden = [...node.parentElement.children].every((child) => child.hidden);
  }
}

function button({ id, words, sign, key, run, title }) {
  return make("button", { type: "button", id: `do-${id}`, title: `${title ?? words} (${key.toUpperCase()})`, onclick: run }, icon(sign), make("span", { text: words }));
}
