/** The large numbers: particles in the field and different particles so far, a tile a class. */

import { make, makeSvg, write } from "./element.js";
import { lookOf } from "./kinds.js";
import { count, duration, kindWords } from "./words.js";

/** A small box as it is drawn around the particles of a class. */
export function swatch(name, index) {
  const { colour, dash } = lookOf(name, index);
  const box = makeSvg("rect", { x: 2, y: 2, width: 14, height: 14, rx: dash.length ? 5 : 0, fill: "none", stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash.join(" ") });
  return makeSvg("svg", { viewBox: "0 0 18 18", class: "swatch", "aria-hidden": "true" }, box);
}

export class Counts {
  #names = "";

  constructor(place, freshness) {
    Object.assign(this, { place, freshness, tiles: new Map() });
  }

  /** @param {object} shown see `Tally.shown`; @param {string[]} names of the classes. */
  update(shown, names) {
    if (this.#names !== names.join()) this.#build(names);
    for (const [name, { number, unique }] of this.tiles) {
      const n = shown.counts?.[name];
      const text = (shown.truncated ? "≥\u2009" : "") + count(n);
      write(number, text);
      number.style.setProperty("--letters", Math.max(3, text.length));
      write(unique, shown.unique ? count(shown.unique[name]) : "–");
    }
    this.place.dataset.live = shown.live;
    this.place.dataset.frame = shown.frame ?? "";
    write(this.freshness, freshnessOf(shown));
  }

  #build(names) {
    this.#names = names.join();
    this.tiles.clear();
    this.place.replaceChildren(...names.map((name, index) => this.#tile(name, index)));
  }

  #tile(name, index) {
    const number = make("output", { class: "number", "data-kind": name, text: "–" });
    const unique = make("b", { "data-unique": name, text: "–" });
    this.tiles.set(name, { number, unique });
    const tile = make("div", { class: "kind" },
      make("h2", {}, swatch(name, index), make("span", { text: kindWords(name) })),
      number,
      make("p", { class: "unique", title: "Different particles since counting began, each once" }, unique, make("span", { text: " unique" })));
    tile.style.setProperty("--colour", lookOf(name, index).colour);
    return tile;
  }
}

function freshnessOf({ counts, live, age_s: age, truncated }) {
  if (counts === null) return "nothing was counted yet";
  if (!live) return `not live: last known, ${duration(age)} ago`;
  return truncated ? "at least so many: more than the model may report" : "in the field now";
}
