/** All microscopes at a glance: small pictures, states and counts. */

import { now } from "./clock.js";
import { Counts } from "./counts.js";
import { icon, make } from "./element.js";
import { Feed } from "./feed.js";
import * as marks from "./marks.js";
import { signOf } from "./veil.js";
import { Viewport } from "./viewport.js";

/** Small pictures come at most this often. */
const EVERY_S = 1;
const LOOK_MS = 500;

export class Grid {
  #timer = null;

  constructor(place) {
    Object.assign(this, { place, tiles: [] });
  }

  /** @param {Array} microscopes @param {Array<{endpoint: string, refused: boolean}>} daemons */
  enter(microscopes, daemons) {
    this.tiles = microscopes.map((microscope) => new Tile(microscope));
    const silent = this.tiles.length ? daemons.filter(({ refused }) => refused) : daemons;
    this.place.replaceChildren(...this.tiles.map(({ node }) => node), ...silent.map(silence));
    this.place.hidden = false;
    this.#timer = setInterval(() => this.tiles.forEach((tile) => tile.look()), LOOK_MS);
  }

  leave() {
    clearInterval(this.#timer);
    this.tiles.forEach((tile) => tile.feed.close());
    this.tiles = [];
    this.place.hidden = true;
  }
}

/** Why nothing is seen of a daemon. */
function silence({ endpoint, refused }) {
  const why = refused ? "does not let this page in: its key is not in the daemon's allow-list." : "has not been heard yet. As soon as it is, its microscopes are here.";
  return make("p", { class: "nothing" }, icon(refused ? "lost" : "wait"), make("span", { text: `The daemon at ${endpoint} ${why}` }));
}

class Tile {
  #key = null;

  constructor({ instance, source }) {
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.state = make("p", { class: "signal" });
    this.sentence = make("p", { class: "sentence" });
    const kinds = make("div", { class: "kinds" });
    this.freshness = make("p", { class: "freshness" });
    this.counts = new Counts(kinds, this.freshness);
    this.node = make("a", { class: "tile", href: `#/${instance}/${source}` },
      make("div", { class: "tile-head" }, make("h2", { text: `${instance} / ${source}` }), this.state),
      make("div", { class: "tile-view" }, this.canvas, this.sentence), kinds, this.freshness);
    this.view = new Viewport();
    this.feed = new Feed({ instance, source }, { changed: () => this.look(), every_s: EVERY_S });
  }

  look() {
    const { tally } = this.feed;
    const signal = tally.signal(now());
    if (signal.key !== this.#key) this.#turn(signal);
    this.sentence.textContent = signal.sentence;
    this.counts.update(tally.shown(now()), tally.kinds);
    this.#draw(signal.live || signal.key === "partial");
  }

  #turn(signal) {
    this.#key = signal.key;
    this.state.dataset.tone = signal.tone;
    this.state.replaceChildren(icon(signOf(signal)), document.createTextNode(signal.label));
    this.sentence.hidden = signal.live;
  }

  #draw(live) {
    const { canvas, view, feed: { bitmap, tally } } = this;
    if (!bitmap) return;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    view.resize(width, height);
    view.show(bitmap.width, bitmap.height);
    const ctx = canvas.getContext("2d");
    ctx.scale(devicePixelRatio, devicePixelRatio);
    ctx.globalAlpha = live ? 1 : 0.3;
    const { x, y } = view.toScreen({ x: 0, y: 0 });
    ctx.drawImage(bitmap, x, y, view.zoom * bitmap.width, view.zoom * bitmap.height);
    marks.particles(ctx, view, tally.particles, tally.frame.classes, { thick: 1.5 });
    canvas.dataset.frame = tally.frame.frame;
  }
}
