// Elements from plain calls, and the smallest change that turns one tree into another,
// so that focus, scrolling, transitions and opened <details> survive a render.

const SVG = new Set(["svg", "path", "circle", "rect"]);
const HANDLERS = ["onclick", "onsubmit", "onkeydown", "oninput"];

/** An element; `key` identifies it among its siblings, `on…` are handlers, null and false are left out. Strings become text, never markup. */
export function h(tag, props = {}, ...children) {
  const element = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "key") element.key = value;
    else if (HANDLERS.includes(name)) element[name] = (event) => void value(event); // a handler that returns false would swallow the event
    else set(element, name, value === true ? "" : String(value));
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Makes `old` look like `next`, which is used up. */
export function morph(old, next) {
  for (const { name } of [...old.attributes]) if (name !== "open" && !next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) set(old, name, value);
  for (const handler of HANDLERS) old[handler] = next[handler];
  morph_children(old, [...next.childNodes]);
  return old;
}

/** Makes the children of `parent` look like `wanted`. */
export function morph_children(parent, wanted) {
  const keyed = new Map([...parent.children].filter((child) => child.key).map((child) => [child.key, child]));
  let cursor = parent.firstChild;
  for (const want of wanted) {
    const have = want.key ? keyed.get(want.key) : cursor;
    if (!have || have.nodeName !== want.nodeName || have.key !== want.key) {
      parent.insertBefore(want, cursor);
      continue;
    }
    if (have === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(have, cursor);
    if (have.nodeType === Node.ELEMENT_NODE) morph(have, want);
    else if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
  }
  while (cursor) {
    const gone = cursor;
    cursor = cursor.nextSibling;
    gone.remove();
  }
}

// A style attribute needs the page's CSP to allow it, cssText does not.
function set(element, name, value) {
  if (name === "style") element.style.cssText = value;
  else element.setAttribute(name, value);
}
