/** Score that a class has to reach: a slider each, or the bare numbers for who may not set them. */

import { swatch } from "./counts.js";
import { make, write } from "./element.js";
import { kindWords } from "./words.js";

const SETTLED_MS = 250;
/** A slider that was just moved is not set back by frames from before. */
const HELD_MS = 2500;

export class Thresholds {
  #names = "";
  #pending = {};
  #timer = null;
  #movedAt = -HELD_MS;

  /** @param {(settings: object) => Promise} set sets keys of the daemon. */
  constructor({ place, brief, sliders, own }, { set, unset }) {
    Object.assign(this, { place, brief, sliders, own, set, inputs: new Map(), mayControl: false });
    own.addEventListener("click", () => unset(["detect.thresholds"]));
  }

  /** @param {Object<string, number>} values by class. */
  update(values, mayControl) {
    this.mayControl = mayControl;
    this.own.hidden = !mayControl;
    const names = Object.keys(values);
    if (this.#names !== names.join()) this.#build(names);
    write(this.brief, names.map((name) => values[name].toFixed(2)).join(" · "));
    if (performance.now() - this.#movedAt < HELD_MS) return;
    for (const [name, { input, output }] of this.inputs) {
      input.disabled = !mayControl;
      input.value = values[name];
      write(output, values[name].toFixed(2));
    }
  }

  #build(names) {
    this.#names = names.join();
    this.inputs.clear();
    this.sliders.replaceChildren(...names.map((name, index) => {
      const input = make("input", { type: "range", min: 0.05, max: 0.95, step: 0.01, id: `threshold-${name}` });
      const output = make("output", { for: `threshold-${name}` });
      input.addEventListener("input", () => this.#moved(name, Number(input.value), output));
      this.inputs.set(name, { input, output });
      return make("div", { class: "slider" }, make("label", { for: `threshold-${name}` }, swatch(name, index), make("span", { text: kindWords(name) })), input, output);
    }));
  }

  #moved(name, value, output) {
    write(output, value.toFixed(2));
    this.#movedAt = performance.now();
    this.#pending[`detect.thresholds.${name}`] = value;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.set(this.#pending);
      this.#pending = {};
    }, SETTLED_MS);
  }
}
