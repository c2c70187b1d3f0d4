/** The state of the signal: a word in the bar, and a sentence across the picture while it is not live. */

import { $, icon, write } from "./element.js";
import { countsWords, duration } from "./words.js";

/** Sign of every state that has one of its own; all others share that of their tone. */
const SIGNS = { live: "live", partial: "partial", frozen: "frozen", blank: "blank", lost: "lost", silent: "silent", unreachable: "silent" };
const OF_TONE = { good: "live", wait: "wait", bad: "lost" };

export const signOf = ({ key, tone }) => SIGNS[key] ?? OF_TONE[tone];

/** A half drawn scan is no fault: its veil is a strip at the bottom, and leaves the picture alone. */
export class Veil {
  #key = null;

  update(signal, shown, place) {
    if (signal.key !== this.#key) this.#turn(signal, place);
    write($("veil-sentence"), signal.sentence);
    write($("veil-age"), signal.live ? "" : agedWords(shown));
  }

  /** Only when the state is another one: a screen reader says it once. */
  #turn(signal, place) {
    this.#key = signal.key;
    const pill = $("signal");
    pill.dataset.tone = signal.tone;
    pill.dataset.key = signal.key;
    pill.replaceChildren(icon(signOf(signal)), document.createTextNode(signal.label));
    $("veil").hidden = signal.live;
    $("veil").dataset.tone = signal.tone;
    $("veil").dataset.key = signal.key;
    $("veil-icon").setAttribute("href", `#icon-${signOf(signal)}`);
    write($("veil-label"), signal.label);
    document.title = `${signal.live ? "" : "⚠ "}${signal.label} – ${place} – nanotally`;
  }

  leave() {
    this.#key = null;
    $("signal").replaceChildren();
    document.title = "nanotally";
  }
}

function agedWords({ counts, age_s: age }) {
  return counts === null ? "" : `Last counted ${duration(age)} ago: ${countsWords(counts)}.`;
}
