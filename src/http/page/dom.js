// Makes nodes and keeps them up to date. Text goes in as text alone: names and sentences may come from
// strangers, and nothing here can turn one into HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (`null` and `false` leave one out) and children: nodes, texts, lists. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same of a drawing. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}

/** A sentence in which a word in backticks is what somebody types. */
export function sentence(text) {
  return text.split("`").map((part, index) => (index % 2 === 1 ? el("code", {}, part) : part));
}

/** Gives `place` those children, and changes only what is different: focus, selection and what is
 *  open stay. A node keeps its place by `data-key`. */
export function show(place, ...children) {
  const wanted = document.createElement(place.nodeName);
  fill(wanted, {}, children);
  patchChildren(place, wanted);
}

function patchChildren(old, wanted) {
  const keyed = new Map();
  for (const child of old.childNodes) {
    const key = keyOf(child);
    if (key) keyed.set(key, child);
  }
  let at = old.firstChild;
  for (const next of [...wanted.childNodes]) {
    const key = keyOf(next);
    let found = key ? keyed.get(key) : at;
    if (!key) while (found && keyOf(found)) found = found.nextSibling;
    if (found && isAlike(found, next)) {
      if (found !== at) old.insertBefore(found, at);
      else at = at.nextSibling;
      patch(found, next);
    } else {
      old.insertBefore(next, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

function isAlike(old, wanted) {
  return old.nodeType === wanted.nodeType && old.nodeName === wanted.nodeName
    && keyOf(old) === keyOf(wanted);
}

/** What the reader has changed: it is not taken back. */
const OF_THE_READER = new Set(["open"]);

function patch(old, wanted) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== wanted.data) old.data = wanted.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name) && !OF_THE_READER.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // What is inside is drawn by somebody else.
  if (!wanted.hasAttribute("data-own")) patchChildren(old, wanted);
}

/** The element of the page with that id. */
export function at(id) {
  return document.getElementById(id);
}
