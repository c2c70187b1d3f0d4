/** Elements of the page. Text is always text, never HTML: names come from elsewhere. */

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id, which index.html has. */
export const $ = (id) => document.getElementById(id);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export const make = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
export const makeSvg = (tag, attributes = {}, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

/** A sign of the sheet in index.html. */
export const icon = (name) => makeSvg("svg", { class: "icon", "aria-hidden": "true" }, makeSvg("use", { href: `#icon-${name}` }));

/** Write text only where it is another: a screen reader is told of changes only. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
