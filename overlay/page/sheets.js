/** The dialogs: session, length of a scale bar, downloads, counting anew. */

import { $, make, write } from "./element.js";
import { prefer, preferences } from "./preferences.js";
import { lengthTyped } from "./scale.js";
import { download } from "./server.js";
import { clock, duration, figure } from "./words.js";

const FORMATS = [
  ["csv", "CSV", "one row a particle, for spreadsheets"],
  ["parquet", "Parquet", "the same for pandas and polars"],
  ["imagej", "ImageJ", "ROI zip, opens in Fiji"],
  ["coco", "COCO", "JSON, for training and CVAT"],
];

/** Buttons of all dialogs that close them. A click beside a dialog closes it too. */
export function prepareSheets() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog || target.closest("[data-close]")) dialog.close();
    });
  }
}

/** Call `run` when a form is sent; its dialog closes by itself. */
const onSent = (form, run) => { form.onsubmit = () => { run(); }; };

/** Start a session, or look at the one that goes on and stop it, if that `may` be done. */
export function openSession(session, { may, start, stop }) {
  $("session-form").hidden = session !== null;
  $("session-now").hidden = session === null;
  $("session-stop").hidden = !may;
  if (session) fillSession(session);
  $("sample").value = "";
  $("notes").value = "";
  $("operator").value = preferences.operator;
  onSent($("session-form"), () => {
    const [sample, operator, notes] = ["sample", "operator", "notes"].map((id) => $(id).value.trim());
    prefer({ operator });
    start({ sample, operator, notes });
  });
  onSent($("session-now"), stop);
  $("session-sheet").showModal();
  if (!session) $("sample").focus();
}

function fillSession({ sample, operator, notes, started, id }) {
  const since = (Date.now() - Date.parse(started)) / 1000;
  const rows = { Sample: sample, Operator: operator, Notes: notes, Started: `${clock(started)}, ${duration(Math.max(1, since))} ago`, Id: id };
  const filled = Object.entries(rows).filter(([, text]) => text);
  $("session-facts").replaceChildren(...filled.map(([term, text]) => make("div", {}, make("dt", { text: term }), make("dd", { text }))));
}

/** Ask how long a line of `px` pixels is; `set(nm per pixel)` takes it over. */
export function openLength(px, { set, closed }) {
  const result = () => {
    const nm = lengthTyped($("length").value);
    $("length").setCustomValidity(nm === null ? "A length, such as 500 nm or 1 µm" : "");
    return nm === null ? null : Number((nm / px).toPrecision(6));
  };
  const tell = () => {
    const size = result();
    write($("length-result"), size === null ? "500 nm, 1 µm, 0.2 mm ..." : `${figure(size, 4)} nm a pixel`);
  };
  write($("length-px"), `${figure(px, 4)} pixels`);
  $("length").value = "";
  $("length").oninput = tell;
  tell();
  onSent($("length-form"), () => set(result()));
  $("length-sheet").onclose = closed;
  $("length-sheet").showModal();
  $("length").focus();
}

/** Choose a format; faults are told in the dialog. */
export function openDownload({ instance, source }, session) {
  write($("download-of"), session ? `Everything of the session “${session.sample}”.` : "What the journal holds of the present count. A session gives it a name.");
  write($("download-said"), "");
  $("formats").replaceChildren(...FORMATS.map(([format, name, words]) => {
    const button = make("button", { type: "button" }, make("b", { text: name }), make("span", { text: words }));
    button.addEventListener("click", () => fetchInto(button, () => download(instance, source, format, session?.id)));
    return button;
  }));
  $("download-sheet").showModal();
}

async function fetchInto(button, run) {
  write($("download-said"), "");
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await run();
    $("download-sheet").close();
  } catch (fault) {
    write($("download-said"), fault.message);
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

export function openReset(reset) {
  onSent($("reset-form"), reset);
  $("reset-sheet").showModal();
}
