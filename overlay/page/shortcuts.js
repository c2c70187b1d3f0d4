/** Keys and what they do, and the sheet that tells of them. */

import { make } from "./element.js";

/**
 * @param {Array<{key: string, words: string, run: () => void, shown?: string, possible?: () => boolean}>} shortcuts
 * `key` as in `KeyboardEvent.key`, lower case.
 */
export function listen(shortcuts) {
  const byKey = new Map(shortcuts.map((shortcut) => [shortcut.key, shortcut]));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    // [open]: until the next picture is drawn, the focus stays in a dialog that was closed.
    if (event.target.closest("input:not([type=range]), textarea, select, dialog[open]")) return;
    const shortcut = byKey.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!shortcut || shortcut.possible?.() === false) return;
    if (event.key.startsWith("Arrow") && event.target.closest("input, summary, .panel")) return;
    event.preventDefault();
    shortcut.run();
  });
}

/** The help sheet: only what is possible now. */
export function tell(place, shortcuts) {
  const rows = shortcuts
    .filter(({ words, possible }) => words && possible?.() !== false)
    .map(({ key, shown, words }) => make("p", {}, make("kbd", { text: shown ?? key.toUpperCase() }), make("span", { text: words })));
  place.replaceChildren(...rows);
}
