/** What may be asked of the daemon from this page; whatever it answers is told in one line where the user looks. */

import { control, NotLoggedIn } from "./server.js";
import { count } from "./words.js";

const TOLD_MS = 6000;
const FAULT_MS = 15000;

export class Desk {
  #timer = null;
  #order = Promise.resolve();

  /** @param {HTMLElement} line where answers are told. */
  constructor(line) {
    this.line = line;
    this.leave();
    line.addEventListener("click", () => { line.hidden = true; });
  }

  /** From now on it is about this feed. Settings are known once the daemon has told them, to who may control it. */
  async enter({ instance, source }, mayControl) {
    Object.assign(this, { instance, source, mayControl });
    if (mayControl) await this.#quietly(() => this.#learn());
  }

  leave() {
    Object.assign(this, { instance: null, source: null, mayControl: false, settings: {} });
    this.line.hidden = true;
  }

  /** Masks, `[[x1, y1, x2, y2]]`; [] where they are not known. */
  get masks() {
    return this.settings[`source.${this.source}.masks`] ?? [];
  }

  async #learn() {
    const { instance } = this;
    const { settings } = await control(instance, "get");
    if (instance === this.instance) this.settings = settings;
  }

  /**
   * Carry out a verb, after those before it, and say what came of it.
   * @returns {Promise<object|null>} what the daemon answered; null: it refused, and that was told.
   */
  ask(verb, args, told) {
    const answer = this.#order.then(() => this.#ask(verb, args, told));
    this.#order = answer;
    return answer;
  }

  async #ask(verb, args, told) {
    try {
      const ok = await control(this.instance, verb, args);
      if (told) this.say(typeof told === "function" ? told(ok) : told);
      if (verb === "set" || verb === "unset") await this.#learn();
      return ok;
    } catch (fault) {
      this.fail(fault);
      return null;
    }
  }

  async #quietly(run) {
    try {
      await run();
    } catch (fault) {
      if (fault instanceof NotLoggedIn) this.fail(fault); // a daemon that is not there is told across the picture
    }
  }

  /** Set a key of this source, such as `roi`. */
  setOwn(key, value, told) {
    return this.ask("set", { [`source.${this.source}.${key}`]: value }, told);
  }

  async snapshot() {
    await this.ask("snapshot", { source: this.source }, (ok) => `Snapshot: ${ok.snapshots[this.source].place}`);
  }

  /** Begin a recording, or end the one that runs; the daemon ends one by itself when its time is up. */
  async record(running) {
    const told = ({ place, frames }) => (running ? `Recorded ${count(frames)} frames: ${place}` : `Recording into ${place}`);
    const { source } = this;
    await this.ask(running ? "record-stop" : "record-start", { source }, ({ recordings }) => told(recordings[source]));
  }

  say(text) {
    this.#tell(text, false, TOLD_MS);
  }

  fail(fault) {
    this.#tell(fault.message, true, FAULT_MS);
  }

  #tell(text, faulty, for_ms) {
    this.line.textContent = text;
    this.line.dataset.fault = faulty;
    this.line.hidden = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.line.hidden = true; }, for_ms);
  }
}
