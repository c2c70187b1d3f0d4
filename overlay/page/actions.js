/** Everything that can be done on the page of a microscope: as buttons below the picture, and by keys. */

import { $ } from "./element.js";
import { prefer, preferences } from "./preferences.js";
import { openDownload, openLength, openReset, openSession } from "./sheets.js";
import * as tools from "./tools.js";

export class Actions {
  /** @param {import("./watch.js").Watch} watch */
  constructor(watch) {
    this.watch = watch;
    $("hint-cancel").addEventListener("click", () => this.put());
    $("hint-action").addEventListener("click", () => this.#act());
  }

  get #picture() { return this.watch.picture; }
  get #desk() { return this.watch.desk; }
  /** Whether the frames are being recorded, whoever began it. */
  get #recording() { return Boolean(this.watch.feed?.tally.status?.recording); }
  get #may() { return this.#desk.mayControl; }

  /** Groups of buttons, see `Toolbar`. */
  get groups() {
    const may = () => this.#may;
    const tool = (name) => () => this.#picture.tool?.name === name;
    const toggle = (id, words, sign, key, title) => ({ id, words, sign, key, title, run: () => this.#toggle(id), pressed: () => preferences[id] });
    const outline = (id, words, sign, key, title) => ({ id, words, sign, key, title, run: () => this.#outline(id), pressed: () => preferences.outline === id });
    return [
      [
        outline("boxes", "Boxes", "boxes", "b", "Boxes around the particles"),
        outline("contours", "Contours", "contours", "c", "Contours, as they were measured; a box where there is none"),
        toggle("tracks", "Numbers", "tracks", "t", "Track numbers"),
        toggle("labels", "Scores", "labels", "n", "Score of each particle"),
        toggle("crosshair", "Cross", "crosshair", "x", "Crosshair"),
      ],
      [
        { id: "ruler", words: "Ruler", sign: "ruler", key: "l", run: () => this.#take("ruler"), pressed: tool("ruler") },
        { id: "fit", words: "Whole", sign: "fit", key: "0", title: "Show all of the picture", run: () => this.#picture.gestures.reset() },
      ],
      [
        { id: "region", words: "Region", sign: "region", key: "r", possible: may, run: () => this.#take("region"), pressed: tool("region") },
        { id: "mask", words: "Masks", sign: "mask", key: "m", possible: may, run: () => this.#take("mask"), pressed: tool("mask") },
        { id: "pixel", words: "Pixel size", sign: "pixel", key: "p", possible: may, run: () => this.#take("pixel"), pressed: tool("pixel") },
      ],
      [
        { id: "session", words: "Session", sign: "session", key: "e", possible: may, run: () => this.session() },
        { id: "snapshot", words: "Snapshot", sign: "snapshot", key: "s", possible: may, run: () => this.#desk.snapshot() },
        { id: "record", words: "Record", sign: "record", key: "v", title: "Record, and stop recording", possible: may, run: () => this.#desk.record(this.#recording), pressed: () => this.#recording },
        { id: "reset", words: "Anew", sign: "reset", key: "z", title: "Count unique particles and sizes anew", possible: may, run: () => this.#reset() },
        { id: "download", words: "Download", sign: "download", key: "d", run: () => this.#download() },
      ],
    ];
  }

  #toggle(name) {
    this.#prefer({ [name]: !preferences[name] });
  }

  /** One way to mark the particles takes the place of the other; the one in use goes. */
  #outline(name) {
    this.#prefer({ outline: preferences.outline === name ? null : name });
  }

  #prefer(change) {
    prefer(change);
    this.#picture.paint();
    this.watch.changed();
  }

  /** Draw with a tool; the one in use is put away. */
  #take(name) {
    if (this.#picture.tool?.name === name) return this.put();
    if (!this.#picture.feed?.bitmap) return this.#desk.fail(new Error("There is no picture yet to draw on."));
    return this.#use(this.#made(name));
  }

  #made(name) {
    const desk = this.#desk;
    const say = (text) => desk.fail(new Error(text));
    const own = (key, told) => async (value) => {
      this.put();
      await desk.setOwn(key, value, told(value));
      this.watch.look();
    };
    if (name === "ruler") return tools.ruler();
    if (name === "pixel") return tools.pixelSize({ say, measured: (px) => this.#askLength(px) });
    if (name === "region") {
      const told = (box) => (box ? `Counting within ${box[2] - box[0]} × ${box[3] - box[1]} pixels.` : "Counting in the whole picture.");
      return tools.region({ say, roi: this.#picture.roi, set: own("roi", told) });
    }
    return tools.masks({ say, all: desk.masks, set: (masks) => this.#setMasks(masks) });
  }

  /** Several masks may be drawn one after the other. */
  async #setMasks(masks) {
    await this.#desk.setOwn("masks", masks, masks.length === 1 ? "1 mask." : `${masks.length} masks.`);
    if (this.#picture.tool?.masks) this.#use(this.#made("mask"));
    this.watch.look();
  }

  #askLength(px) {
    const set = (size) => this.#desk.setOwn("nm_per_px", size, `The pixel size is ${size} nm. Sizes are counted anew.`);
    openLength(px, { set, closed: () => this.put() });
  }

  #use(tool) {
    this.#picture.use(tool);
    $("hint").hidden = tool === null;
    $("hint-text").textContent = tool?.hint ?? "";
    $("hint-action").hidden = !tool?.action;
    $("hint-action").textContent = tool?.action?.label ?? "";
    this.watch.changed();
  }

  #act() {
    this.#picture.tool?.action?.run();
  }

  /** Put the tool away. */
  put() {
    this.#use(null);
  }

  session() {
    const { feed } = this.watch;
    const source = feed.source;
    openSession(feed.tally.status?.session ?? null, {
      may: this.#may,
      start: (facts) => this.#desk.ask("session-start", { ...facts, source }, `Session “${facts.sample}” has begun.`),
      stop: () => this.#desk.ask("session-stop", { source }, "The session is over."),
    });
  }

  #reset() {
    const source = this.watch.feed.source;
    openReset(() => this.#desk.ask("reset-tracking", { source }, "Counting anew."));
  }

  #download() {
    openDownload(this.watch.feed, this.watch.feed.tally.status?.session ?? null);
  }
}
