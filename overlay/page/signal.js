/** The state of the signal in words. A lost signal is never a measurement. */

/** Seconds without a status after which the daemon is not heard; it tells one every second. */
export const SILENT_S = 3;

/**
 * @typedef {object} Signal
 * @property {string} key what style and icon go by.
 * @property {string} label a word or two.
 * @property {string} sentence what it means and what to do; "" while live.
 * @property {"good"|"wait"|"bad"} tone
 * @property {boolean} live whether what is shown is being measured now.
 */

const of = (key, tone, label, sentence) => ({ key, tone, label, sentence, live: key === "live" });

const FRAMES = {
  live: () => of("live", "good", "Live", ""),
  partial: () => of("partial", "wait", "Scanning", "The picture is half drawn. It is counted when the scan is complete."),
  frozen: () => of("frozen", "bad", "Frozen", "The same picture comes again and again. Is the scan paused, or the grabber stuck?"),
  unexamined: () => of("unexamined", "bad", "Not examined", "The server that finds the particles does not answer. It is asked again and again."),
  blank: () => of("blank", "bad", "Blank", "There is no picture in the signal. Is the beam blanked, or the detector off?"),
};

const SOURCES = {
  stalled: () => of("stalled", "bad", "Stalled", "The source sends no frames. Is the microscope's output running?"),
  lost: (status) => of("lost", "bad", "Signal lost", `${sentence(status.fault ?? "The source broke")} It is opened again and again.`),
  ended: () => of("ended", "wait", "Ended", "The feed was read to its end."),
};

/**
 * What can be said of a microscope now.
 * @param {object} known
 * @param {boolean} known.connected whether this page reaches its server.
 * @param {boolean} known.refused whether the daemon does not let our server in.
 * @param {object|null} known.status last status header.
 * @param {number|null} known.silent_s since the last status; null before the first.
 * @param {string|null} known.frameState of whatever frame was heard of last.
 * @returns {Signal}
 */
export function signalOf({ connected, refused, status, silent_s, frameState }) {
  if (!connected) return of("unreachable", "bad", "No connection", "This page does not reach its server. It is trying again.");
  if (refused) return of("refused", "bad", "Refused", "The daemon does not let this page in: its key is not in the allow-list.");
  if (!status) return of("waiting", "wait", "Waiting", "Nothing was heard of the daemon yet. Is it running?");
  if (status.stopping) return of("stopped", "bad", "Stopped", "The daemon was stopped. Nothing is being counted.");
  if (silent_s >= SILENT_S) {
    return of("silent", "bad", "Daemon not heard", "The daemon says nothing. Nothing is known of the microscope until it does.");
  }
  const source = SOURCES[status.source_state];
  if (source) return source(status);
  const frame = FRAMES[frameState ?? status.frame_state];
  return frame ? frame() : of("waiting", "wait", "Waiting", "The source is open. No frame has come yet.");
}

function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
