/** A sheet of drawing paper: strokes from a finger, a pen that is pressed, or a mouse. */

import { button, el, uid } from "./dom.js";
import { t } from "./words.js";

const PAPER = "#ffffff";
const LONG_SIDE = 1280;
const COLOURS = {
  ink: "#1f1e1c",
  umber: "#7a4a2b",
  cinnabar: "#c8402b",
  ochre: "#dfa83a",
  green: "#5f7f3a",
  blue: "#27479b",
};

/** How wide a stroke is at a point: a pen thins and swells, a finger and a mouse do not. */
const width = (size, event) => (event.pointerType === "pen" ? size * (0.25 + 1.25 * event.pressure) : size);

export class Sketch extends EventTarget {
  /** @type {{colour: string, points: {x: number, y: number, w: number}[]}[]} */
  strokes = [];
  colour = COLOURS.ink;
  own = "#8a5aa8";
  size = 8;
  erasing = false;
  #pen = false;
  #pointer = null;

  constructor() {
    super();
    this.canvas = el("canvas", { class: "paper", tabindex: 0, role: "img" });
    this.brush = this.canvas.getContext("2d");
    this.canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, (event) => this.#up(event));
    this.tools = el("div", { class: "tools", role: "toolbar" });
    this.element = el("div", { class: "sketch", onkeydown: (event) => this.#key(event) }, this.canvas, this.tools);
  }

  /** Lays out paper of about the given proportions, unless something is drawn already. */
  open(ratio) {
    if (!this.strokes.length) {
      const wide = Math.min(1.6, Math.max(0.7, ratio || 4 / 3));
      this.canvas.width = Math.round(wide >= 1 ? LONG_SIDE : LONG_SIDE * wide);
      this.canvas.height = Math.round(wide >= 1 ? LONG_SIDE / wide : LONG_SIDE);
    }
    this.#redraw();
    this.render();
  }

  get empty() {
    return !this.strokes.some((stroke) => stroke.points.length);
  }

  /** The drawing as a PNG. */
  blob() {
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
  }

  undo = () => {
    this.strokes.pop();
    this.#redraw();
    this.render();
  };

  /** Takes everything away; undo brings it back. */
  clear = () => {
    if (!this.empty) this.strokes.push({ cleared: true, points: [] });
    this.#redraw();
    this.render();
  };

  // Drawing

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return {
      x: (event.clientX - box.left) * scale,
      y: (event.clientY - box.top) * scale,
      w: width(this.size * (LONG_SIDE / 900), event),
    };
  }

  /** A hand that rests on the glass while a pen draws is no finger. */
  #unwanted(event) {
    if (event.pointerType === "pen") this.#pen = true;
    return event.button > 0 || this.#pointer !== null || (this.#pen && event.pointerType === "touch");
  }

  #down(event) {
    if (this.#unwanted(event)) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.strokes.push({ colour: this.erasing ? PAPER : this.colour, points: [this.#at(event)] });
    this.#draw(this.strokes.at(-1), 0);
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const stroke = this.strokes.at(-1);
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      stroke.points.push(this.#at(each));
      this.#draw(stroke, stroke.points.length - 1);
    }
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#finish(this.strokes.at(-1));
    this.render();
    this.dispatchEvent(new Event("change"));
  }

  /** The curve runs between midpoints: its end is still owed. */
  #finish(stroke) {
    stroke.points.push(stroke.points.at(-1));
    this.#draw(stroke, stroke.points.length - 1);
  }

  /** Draws a stroke's part up to its nth point: a dot, or a curve between two midpoints. */
  #draw({ colour, points }, n) {
    const [before, last, point] = [points[n - 2] ?? points[n - 1], points[n - 1], points[n]];
    const half = (a, b) => [(a.x + b.x) / 2, (a.y + b.y) / 2];
    Object.assign(this.brush, { strokeStyle: colour, lineWidth: point.w, lineCap: "round", lineJoin: "round" });
    this.brush.beginPath();
    if (!last) this.brush.moveTo(point.x, point.y), this.brush.lineTo(point.x, point.y);
    else {
      this.brush.moveTo(...half(before, last));
      this.brush.quadraticCurveTo(last.x, last.y, ...half(last, point));
    }
    this.brush.stroke();
  }

  #redraw() {
    const start = this.strokes.findLastIndex((stroke) => stroke.cleared) + 1;
    this.brush.fillStyle = PAPER;
    this.brush.fillRect(0, 0, this.canvas.width, this.canvas.height);
    for (const stroke of this.strokes.slice(start)) stroke.points.forEach((_, n) => this.#draw(stroke, n));
  }

  #key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      this.undo();
    }
  }

  // Tools

  render() {
    this.canvas.setAttribute("aria-label", t("sketch.paper"));
    this.tools.replaceChildren(this.#palette(), this.#sizes(), this.#hands());
    this.tools.setAttribute("aria-label", t("sketch.brush"));
  }

  #palette() {
    const swatches = Object.entries(COLOURS).map(([name, colour]) => this.#swatch(t(`colour.${name}`), colour));
    const own = el("input", {
      type: "color",
      value: this.own,
      class: "swatch own",
      title: t("colour.own"),
      "aria-label": t("colour.own"),
      oninput: (event) => Object.assign(this, { own: event.target.value, colour: event.target.value, erasing: false }),
      onchange: () => this.render(),
    });
    const eraser = button({
      icon: "eraser",
      hint: t("sketch.eraser"),
      "aria-pressed": String(this.erasing),
      onclick: () => this.#take({ erasing: !this.erasing }),
    });
    return el("div", { class: "tool-group", role: "group", "aria-label": t("sketch.colours") }, ...swatches, own, eraser);
  }

  #swatch(name, colour) {
    const pressed = String(!this.erasing && this.colour === colour);
    const swatch = el("button", {
      type: "button",
      class: "swatch",
      title: name,
      "aria-label": name,
      "aria-pressed": pressed,
      onclick: () => this.#take({ colour, erasing: false }),
    });
    swatch.style.setProperty("--colour", colour);
    return swatch;
  }

  #take(tool) {
    const focused = Array.from(this.tools.querySelectorAll("button")).indexOf(document.activeElement);
    Object.assign(this, tool);
    this.render();
    this.tools.querySelectorAll("button")[focused]?.focus();
  }

  #sizes() {
    const id = uid("size");
    const range = el("input", { id, type: "range", min: 2, max: 60, value: this.size, oninput: (event) => (this.size = Number(event.target.value)) });
    return el("div", { class: "tool-group size" }, el("label", { for: id, class: "unseen" }, t("sketch.size")), el("i", { class: "dot small" }), range, el("i", { class: "dot" }));
  }

  #hands() {
    const nothing = !this.strokes.length;
    return el(
      "div",
      { class: "tool-group hands" },
      button({ icon: "undo", hint: t("sketch.undo"), disabled: nothing, onclick: this.undo }),
      button({ icon: "clear", hint: t("sketch.clear"), disabled: nothing, onclick: this.clear }),
      button({ icon: "close", hint: t("sketch.leave"), onclick: () => this.dispatchEvent(new Event("leave")) }),
      button({ icon: "check", label: t("sketch.use"), kind: "primary small", disabled: nothing, "data-do": "use", onclick: () => this.dispatchEvent(new Event("use")) }),
    );
  }
}
