/** What somebody likes to see, remembered by the browser. */

const KEY = "nanotally";
/** `outline`: "boxes", "contours" or null. */
const USUAL = { outline: "boxes", tracks: false, labels: false, crosshair: false, operator: "" };

function read() {
  try {
    return { ...USUAL, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...USUAL }; // storage is forbidden, or holds something else
  }
}

export const preferences = read();

export function prefer(change) {
  Object.assign(preferences, change);
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // then it is until the page is closed
  }
}
