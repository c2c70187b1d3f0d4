/** What this page knows of one microscope: the last of every kind of message, and what follows from them. */

import { Series } from "./series.js";
import { signalOf } from "./signal.js";
import { particlesOf } from "./message.js";
import { Sizes } from "./sizes.js";

/** Pictures older than this no longer have the say over the counts: then they come from `counts` messages. */
const PICTURE_S = 2.5;
const FOCUS_S = 60;
const RATE_S = 8;

/** All times are seconds of a monotonic clock, given by the caller as `now`. */
export class Tally {
  constructor() {
    this.connected = false;
    this.status = null;
    this.statusAt = null;
    this.counts = null;
    this.countsAt = null;
    this.frame = null;
    this.frameAt = null;
    this.particles = [];
    this.refused = false;
    this.frameState = null;
    this.lastLive = null;
    this.series = new Series();
    this.sizes = new Sizes();
    this.focus = [];
    this.pace = [];
  }

  /** A text message of the server. */
  take(message, now) {
    const at = now - (message.age_s ?? 0);
    if (message.kind === "status") this.#takeStatus(message.header, at);
    else if (message.kind === "counts") this.#takeCounts(message.header, at);
    else if (message.kind === "signal") this.#takeSignal(message, now);
  }

  #takeSignal({ state, since_s }, now) {
    this.refused = state === "refused";
    if (state !== "heard" && this.statusAt !== null) this.statusAt = Math.min(this.statusAt, now - since_s);
  }

  /** A picture that is being shown from now on. */
  show(facts, outlines, now) {
    this.frame = facts;
    this.frameAt = now;
    this.particles = particlesOf(facts, outlines);
    this.#hear(facts, now);
    this.sizes.add(facts, this.particles);
  }

  #takeStatus(status, at) {
    if (this.status && this.status.run_id !== status.run_id) this.pace = [];
    this.status = status;
    this.statusAt = at;
    this.frameState = status.frame_state;
    this.pace.push({ uptime: status.uptime_s, frames: status.frames_processed });
    while (this.pace.length > 2 && status.uptime_s - this.pace[0].uptime > RATE_S) this.pace.shift();
  }

  #takeCounts(counts, at) {
    this.counts = counts;
    this.countsAt = at;
    this.#hear(counts, at);
  }

  #hear(facts, at) {
    this.frameState = facts.state;
    if (facts.state !== "live") return;
    if (this.lastLive === null || at >= this.lastLive.at) {
      this.lastLive = { at, counts: facts.counts, unique: facts.unique, truncated: facts.truncated };
    }
    if (facts.sharpness !== null && facts.sharpness !== undefined) this.focus.push({ at, value: facts.sharpness });
  }

  /** Signal now, see `signalOf`. */
  signal(now) {
    const silent_s = this.statusAt === null ? null : now - this.statusAt;
    const { connected, refused, status, frameState } = this;
    return signalOf({ connected, refused, status, silent_s, frameState });
  }

  /**
   * The counts to show: those of the picture that is shown, so that numbers and boxes agree, else the last heard of.
   * @returns {{counts, unique, truncated: boolean, frame: number|null, live: boolean, age_s: number|null}} counts null:
   *   none ever came; frame null: they are not of the picture.
   */
  shown(now) {
    const { live } = this.signal(now);
    const pictured = live && this.frame?.state === "live" && now - this.frameAt < PICTURE_S;
    const { counts, unique, truncated } = pictured ? this.frame : (this.lastLive ?? {});
    const age_s = this.lastLive === null ? null : now - this.lastLive.at;
    const frame = pictured ? this.frame.frame : null;
    return { counts: counts ?? null, unique: unique ?? null, truncated: Boolean(truncated), frame, live, age_s };
  }

  /** Once a second: what becomes a point of the counts over time. */
  sample(now) {
    const { live, counts } = this.shown(now);
    this.series.add(Math.floor(now), live ? counts : null);
    this.focus = this.focus.filter(({ at }) => now - at < FOCUS_S);
  }

  /** Sharpness now and the best of the last minute; null where not known. */
  get sharpness() {
    const last = this.focus[this.focus.length - 1];
    return { now: last?.value ?? null, best: last ? Math.max(...this.focus.map(({ value }) => value)) : null };
  }

  /** Frames a second that were looked at, over the last seconds; null before two heartbeats. */
  get rate() {
    const first = this.pace[0];
    const last = this.pace[this.pace.length - 1];
    return first && last.uptime > first.uptime ? (last.frames - first.frames) / (last.uptime - first.uptime) : null;
  }

  /** Names of the classes, in the order of the model. */
  get kinds() {
    return this.frame?.classes ?? Object.keys(this.counts?.counts ?? this.lastLive?.counts ?? {});
  }

  /** `nm_per_px` and where it comes from, of whatever was heard of last. */
  get pixelSize() {
    return { nm: (this.frame ?? this.counts)?.nm_per_px ?? null, from: this.frame?.pixel_size_from ?? null };
  }
}
