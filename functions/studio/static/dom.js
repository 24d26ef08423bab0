/** The few things that the page does with the document. All text goes in as text, never as HTML. */

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "open", "indeterminate"]);

/**
 * An element. `on…` are listeners; null and false leave an attribute out.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node|string|number|null|false|undefined)} children
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProp(element, name, value);
  element.append(...children.filter((child) => child || child === 0).map((child) => child.nodeType ? child : String(child)));
  return element;
}

function setProp(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (PROPERTIES.has(name)) element[name] = value;
  else if (value !== null && value !== undefined && value !== false) {
    element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : value);
  }
}

const PATHS = {
  picture: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9.5h.01",
  camera: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4",
  pencil: "M5 19l1-4.5L16.5 4l3.5 3.5L9.5 18zM14 6.5l3.5 3.5",
  eraser: "M8.5 19.5 4 15l10-10.5 6 6-8.5 9zM9 10l5.5 6M8.5 19.5H20",
  undo: "M8 5 4 9l4 4M4.5 9H14a5.5 5.5 0 0 1 0 11H9",
  clear: "M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7M10.5 10.5v6M13.5 10.5v6",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.5l4.5 4.5L19 7",
  down: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
  again: "M19.5 12A7.5 7.5 0 1 1 17 6.4M19.5 4v4.5H15",
  expand: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  sliders: "M4 8h9M17 8h3M4 16h3M11 16h9M15 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4M9 18.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4",
};

/** A small line drawing that says what a button does; hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon and a word; without a word, the label is for screen readers. */
export function button({ icon: drawing, label, hint, kind = "quiet", onclick, ...rest }) {
  const named = label ? {} : { "aria-label": hint };
  const props = { type: "button", class: kind, title: hint, onclick, ...named, ...rest };
  return el("button", props, drawing && icon(drawing), label && el("span", {}, label));
}

let count = 0;

/** An id that nothing else on the page has. */
export const uid = (prefix) => `${prefix}-${(count += 1)}`;

/** Says a sentence to those who cannot see the page. */
export function say(sentence) {
  const live = document.getElementById("live");
  if (live.textContent !== sentence) live.textContent = sentence;
}

/** Waits; an aborted signal ends it with its reason. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}

/** A random UUID; `crypto.randomUUID` is missing where the page came over plain http. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
