/** The page of one microscope: ties its feed to the picture, the panel, the tools and the keys. */

import { now } from "./clock.js";
import { Counts } from "./counts.js";
import { Desk } from "./desk.js";
import { $, write } from "./element.js";
import { Facts } from "./facts.js";
import { Feed } from "./feed.js";
import { updateSizes } from "./medians.js";
import { Notices, noticesOf } from "./notices.js";
import { Picture } from "./picture.js";
import { drawTime } from "./plots.js";
import { Thresholds } from "./thresholds.js";
import { Veil } from "./veil.js";
import { partOf } from "./viewport.js";

/** States are looked at this often, whether or not a message came. */
const LOOK_MS = 250;
/** Signals of which it is not known whether a recording goes on. */
const UNKNOWN = ["unreachable", "refused", "silent", "stopped"];

export class Watch {
  #lookedAt = 0;

  /** @param {() => void} changed the tools may have to look another way. */
  constructor(changed) {
    this.changed = changed;
    this.feed = null;
    this.picture = new Picture($("picture"), $("tip"));
    this.desk = new Desk($("said"));
    this.counts = new Counts($("kinds"), $("freshness"));
    this.facts = new Facts($("facts"));
    this.notices = new Notices($("notices"), () => this.confirmPixelSize());
    this.veil = new Veil();
    this.thresholds = new Thresholds(
      { place: $("thresholds"), brief: $("thresholds-now"), sliders: $("sliders"), own: $("thresholds-own") },
      {
        set: (settings) => this.desk.ask("set", settings),
        unset: (keys) => this.desk.ask("unset", { keys }, "Thresholds are the model's own again."),
      },
    );
    setInterval(() => this.look(), LOOK_MS);
  }

  enter(microscope, mayControl) {
    this.leave();
    this.feed = new Feed(microscope, { changed: () => this.look() });
    this.picture.feed = this.feed;
    this.desk.enter(microscope, mayControl).then(() => this.look());
    write($("place"), `${microscope.instance} / ${microscope.source}`);
    $("watch").hidden = false;
    this.look();
  }

  leave() {
    this.feed?.close();
    this.feed = null;
    this.picture.feed = null;
    this.picture.use(null);
    this.picture.view.fit();
    this.desk.leave();
    this.veil.leave();
    write($("place"), "");
    $("recording").hidden = true;
    $("watch").hidden = true;
  }

  /** Show what is known now. */
  look() {
    if (!this.feed) return;
    const { tally } = this.feed;
    const at = now();
    const signal = tally.signal(at);
    const shown = tally.shown(at);
    this.veil.update(signal, shown, `${this.feed.instance}/${this.feed.source}`);
    this.counts.update(shown, tally.kinds);
    this.facts.update(tally, signal.live);
    this.notices.update(noticesOf(tally, shown), this.desk.mayControl);
    this.#lookAtPicture(signal, tally);
    this.#lookAtSession(tally.status?.session ?? null);
    $("recording").hidden = !tally.status?.recording || UNKNOWN.includes(signal.key);
    if (Math.floor(at) !== this.#lookedAt) this.#everySecond(Math.floor(at), tally);
  }

  #lookAtPicture(signal, tally) {
    const { frame } = tally;
    const picture = this.picture;
    picture.live = signal.live || signal.key === "partial";
    picture.roi = frame && partOf(frame.roi, frame.width, frame.height);
    picture.masks = this.desk.masks;
    picture.paint();
    if (!frame) return;
    this.thresholds.update(frame.thresholds, this.desk.mayControl);
    $("view").style.setProperty("--aspect", `${frame.width} / ${frame.height}`);
  }

  #lookAtSession(session) {
    const chip = $("session-chip");
    chip.hidden = session === null && !this.desk.mayControl;
    chip.disabled = session === null && !this.desk.mayControl;
    chip.dataset.running = session !== null;
    write(chip, session ? [session.sample, session.operator].filter(Boolean).join(" · ") : "No session");
    chip.title = session ? "Session (E)" : "Start a session (E)";
  }

  #everySecond(second, tally) {
    this.#lookedAt = second;
    tally.sample(now());
    updateSizes({ plot: $("histogram"), seen: $("sizes-seen"), rows: $("medians") }, tally);
    drawTime($("time"), tally.series, tally.kinds, second);
    $("picture").setAttribute("aria-label", `Live picture of ${this.feed.instance} ${this.feed.source}`);
    this.changed();
  }

  /** The pixel size that was given holds at the magnification of now: setting it again says so. */
  async confirmPixelSize() {
    const size = this.desk.settings[`source.${this.desk.source}.nm_per_px`];
    if (size == null) this.desk.fail(new Error("No pixel size was given that could be confirmed; draw along the scale bar."));
    else await this.desk.setOwn("nm_per_px", size, `The pixel size of ${size} nm is confirmed.`);
  }
}
