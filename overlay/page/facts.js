/** Everything else that is known, as a list of terms and values. */

import { make, write } from "./element.js";
import { duration, figure, percent, pixelSizeWords, UNKNOWN } from "./words.js";

const TERMS = {
  density: "Density", covered: "Covered", touching: "Touching groups", rate: "Rate", age: "Age of a result",
  dropped: "Not looked at", focus: "Focus", pixel: "Pixel size", model: "Model",
};

export class Facts {
  constructor(place) {
    this.values = {};
    this.place = place;
    for (const [key, term] of Object.entries(TERMS)) {
      this.values[key] = make("dd", { "data-fact": key, text: UNKNOWN });
      place.append(make("div", { class: key }, make("dt", { text: term }), this.values[key]));
    }
    this.bar = make("span", { class: "focus-now" });
    this.best = make("span", { class: "focus-best" });
    this.words = make("span", { text: UNKNOWN });
    this.values.focus.replaceChildren(make("span", { class: "focus-bar", "aria-hidden": "true" }, this.bar, this.best), this.words);
  }

  /** @param {import("./tally.js").Tally} tally @param {boolean} live */
  update(tally, live) {
    const { counts, status } = tally;
    const model = status?.model;
    const measured = {
      ...densityOf(live ? counts : null),
      rate: live && tally.rate !== null ? `${figure(tally.rate, 2)} frames/s` : UNKNOWN,
      age: live ? duration((tally.frame ?? counts)?.age_ms / 1000 || null) : UNKNOWN,
      dropped: droppedOf(status),
      pixel: pixelOf(tally.pixelSize),
      model: model ? `${model.name} on ${model.engine}, ${model.precision}` : UNKNOWN,
    };
    for (const [key, text] of Object.entries(measured)) write(this.values[key], text);
    this.values.pixel.classList.toggle("doubtful", tally.pixelSize.nm === null);
    this.place.dataset.live = live;
    this.#focus(live ? tally.sharpness : { now: null, best: null });
  }

  #focus({ now, best }) {
    const most = Math.max(best ?? 0, 0.001) * 1.15;
    this.bar.style.width = `${(100 * (now ?? 0)) / most}%`;
    this.best.style.left = `${best === null ? 0 : (100 * best) / most}%`;
    this.best.hidden = best === null;
    write(this.words, now === null ? UNKNOWN : `${figure(now, 2)}, best ${figure(best, 2)}`);
  }
}

function densityOf(counts) {
  const mean = counts?.statistics?.density_per_um2;
  const density = counts?.density_per_um2 == null ? UNKNOWN : `${figure(counts.density_per_um2)} /µm²`;
  return {
    density: mean == null ? density : `${density}, mean ${figure(mean)}`,
    covered: percent(counts?.covered_share),
    touching: counts?.agglomerates == null ? UNKNOWN : String(counts.agglomerates),
  };
}

function droppedOf(status) {
  if (!status?.frames_grabbed) return UNKNOWN;
  return `${percent(status.frames_dropped / status.frames_grabbed)} of frames`;
}

function pixelOf({ nm, from }) {
  if (!nm) return `unknown: ${pixelSizeWords(nm, from)}`;
  const size = Math.abs(nm[0] - nm[1]) < 1e-9 * nm[0] ? figure(nm[0], 4) : `${figure(nm[0], 4)} × ${figure(nm[1], 4)}`;
  return from === null ? `${size} nm` : `${size} nm, ${pixelSizeWords(nm, from)}`;
}
