/** Elements without a framework. Text goes in as text: nothing that a peer said becomes markup. */

const SVG = "http://www.w3.org/2000/svg";

/** The element of this id. */
export const $ = (id) => document.getElementById(id);

/** An element: `h("td", { class: "number" }, "text", child)`. Keys beginning with `on` are listeners. */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An element of a drawing. */
export function s(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

/** Sets a text only where it changes, so that a status is not told twice and a selection stays. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A table with one header row. Columns are `[name, class]`; rows are lists of texts or elements. */
export function table(caption, columns, rows) {
  const head = columns.map(([name, style]) => h("th", { scope: "col", class: style }, name));
  const body = rows.map((row) =>
    h("tr", {}, ...row.map((cell, i) => h(i ? "td" : "th", { class: columns[i][1], scope: i ? undefined : "row" }, cell))),
  );
  return h(
    "table",
    {},
    h("caption", { class: "hidden" }, caption),
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...body),
  );
}
