/** The page: who is there, who may do what, and which microscope is looked at. */

import { Actions } from "./actions.js";
import { $, write } from "./element.js";
import { Grid } from "./grid.js";
import { login, logout, microscopes, NotLoggedIn } from "./server.js";
import { prepareSheets } from "./sheets.js";
import { listen, tell } from "./shortcuts.js";
import { Toolbar } from "./toolbar.js";
import { Watch } from "./watch.js";

/** How often microscopes that have come since are looked for. */
const LOOK_MS = 5000;
const STEP_PX = 60;

let known = { microscopes: [], may_control: false };
let where = null;
const grid = new Grid($("grid"));
const watch = new Watch(() => toolbar.update());
const actions = new Actions(watch);
const toolbar = new Toolbar($("tools"), actions.groups);

const key = ({ instance, source }) => `${instance}/${source}`;
const watching = () => watch.feed !== null;

/** Go where the address says; a single microscope needs no grid. */
function go() {
  const named = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  const list = known.microscopes;
  const chosen = list.find((one) => key(one) === named) ?? (list.length === 1 ? list[0] : null);
  const mayControl = Boolean(known.may_control && chosen?.has_control);
  const wanted = chosen ? `${key(chosen)} ${mayControl}` : JSON.stringify([list.map(key), known.daemons]);
  if (wanted === where) return;
  where = wanted;
  grid.leave();
  watch.leave();
  if (chosen) watch.enter(chosen, mayControl);
  else grid.enter(list, known.daemons ?? []);
  document.body.dataset.page = chosen ? "watch" : "grid";
  $("all").hidden = !chosen || list.length < 2;
  $("session-chip").hidden = true;
  toolbar.update();
}

/** Ask the server who is there. */
async function look() {
  try {
    known = await microscopes();
    document.body.dataset.reached = "true";
    $("gate").hidden = true;
    write($("version"), `nanotally ${known.version}`);
    $("source").href = safeAddress(known.source_url);
    $("logout").hidden = !known.logged_in;
    go();
  } catch (fault) {
    if (fault instanceof NotLoggedIn) shut();
    else if (where === null) grid.enter([], []);
  }
}

/** Only the web: what the server says is not trusted to be an address. */
function safeAddress(text) {
  return /^(https?:\/\/|\/(?!\/))/.test(text ?? "") ? text : "#/";
}

/** A password is wanted. */
function shut() {
  grid.leave();
  watch.leave();
  where = null;
  document.body.dataset.page = "gate";
  if (!$("gate").hidden) return;
  $("gate").hidden = false;
  $("password").focus();
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await login($("password").value);
    write($("login-said"), "");
    $("password").value = "";
    await look();
  } catch (fault) {
    write($("login-said"), fault.message);
    $("password").select();
  }
});
$("logout").addEventListener("click", () => logout().then(look, look));
$("all").addEventListener("click", () => { location.hash = "#/"; });
$("session-chip").addEventListener("click", () => actions.session());
$("full").addEventListener("click", fullScreen);
$("help").addEventListener("click", help);

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

function help() {
  tell($("help-keys"), shortcuts);
  $("help-sheet").showModal();
}

const { view } = watch.picture;
const zoom = (factor) => () => {
  view.zoomBy(factor, { x: view.width / 2, y: view.height / 2 });
  watch.picture.paint();
};
const pan = (dx, dy) => () => {
  view.pan(dx, dy);
  watch.picture.paint();
};
const openThresholds = () => {
  $("thresholds").open = !$("thresholds").open;
  if ($("thresholds").open) $("thresholds").querySelector("input")?.focus();
};

const shortcuts = [
  ...actions.groups.flat().map(({ key: letter, words, title, run, possible }) => ({
    key: letter, words: title ?? words, run, possible: () => watching() && possible?.() !== false,
  })),
  { key: "h", words: "Thresholds", run: openThresholds, possible: watching },
  { key: "+", words: "Zoom in", run: zoom(1.25), possible: watching },
  { key: "-", shown: "−", words: "Zoom out", run: zoom(0.8), possible: watching },
  { key: "ArrowLeft", shown: "← ↑ → ↓", words: "Move the picture", run: pan(STEP_PX, 0), possible: watching },
  { key: "ArrowRight", run: pan(-STEP_PX, 0), possible: watching },
  { key: "ArrowUp", run: pan(0, STEP_PX), possible: watching },
  { key: "ArrowDown", run: pan(0, -STEP_PX), possible: watching },
  { key: "g", words: "All microscopes", run: () => { location.hash = "#/"; }, possible: () => known.microscopes.length > 1 },
  { key: "f", words: "Full screen", run: fullScreen },
  { key: "Escape", shown: "Esc", words: "Put the tool away", run: () => actions.put(), possible: watching },
  { key: "?", words: "This sheet", run: help },
];

prepareSheets();
listen(shortcuts);
window.addEventListener("hashchange", go);
setInterval(look, LOOK_MS);
look();
