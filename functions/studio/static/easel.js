/** The easel: the picture that work starts from, the paper to draw on, or the work itself. */

import { button, el } from "./dom.js";
import { notice } from "./problem.js";
import { Sketch } from "./sketch.js";
import { pick, t } from "./words.js";
import { Picked } from "./well.js";

/** Shows `picture`, `sketch` or `work`; sends `change` when the picture has changed. */
export class Easel extends EventTarget {
  mode = "picture";
  /** What the technique asks for: null where it needs no picture. */
  wanted = { required: true };

  constructor(element, form, work) {
    super();
    Object.assign(this, { element, form, work });
    this.picked = new Picked();
    this.sketch = new Sketch();
    this.tabs = el("div", { class: "tabs", role: "group" });
    this.board = el("div", { class: "board" });
    element.append(this.tabs, this.board, this.picked.file, this.picked.photo);
    this.#listen();
    this.render();
  }

  #listen() {
    this.picked.catchDrops(this.element);
    this.picked.catchPastes();
    this.picked.addEventListener("change", () => this.#picked());
    this.sketch.addEventListener("use", () => this.useSketch());
    this.sketch.addEventListener("leave", () => this.show("picture"));
    for (const event of ["dragover", "drop"]) window.addEventListener(event, (each) => each.preventDefault());
  }

  get picture() {
    return this.wanted ? this.picked.picture : null;
  }

  show(mode) {
    this.mode = mode;
    this.render();
  }

  /** Scrolls to the easel. */
  reveal = () => this.element.scrollIntoView({ block: "start" });

  /** Takes a picture from elsewhere. */
  take(blob, name) {
    return this.picked.take(blob, name);
  }

  /** Makes the drawing the picture, if one is open and not empty. */
  async useSketch() {
    if (this.mode !== "sketch" || this.sketch.empty) return;
    await this.take(await this.sketch.blob(), `${t("sketch.name")}.png`);
    this.drawn = this.picked.picture;
  }

  #picked() {
    this.show("picture");
    this.dispatchEvent(new Event("change"));
  }

  #draw = () => {
    this.mode = "sketch";
    this.render();
    const box = this.board.getBoundingClientRect();
    this.sketch.open(box.width / Math.max(innerHeight / 2, box.height - 70));
    this.sketch.canvas.focus({ preventScroll: true });
  };

  render() {
    this.#renderTabs();
    this.element.dataset.mode = this.mode;
    if (this.mode === "work") this.board.replaceChildren(this.work.element);
    else if (this.mode === "sketch") this.board.replaceChildren(this.sketch.element);
    else this.board.replaceChildren(...this.#picture());
  }

  #renderTabs() {
    const tab = (mode) => button({ label: t(`easel.${mode}`), kind: "tab", "aria-pressed": String((this.mode === "work") === (mode === "work")), "data-tab": mode, onclick: () => this.show(mode) });
    this.tabs.hidden = !this.hasWork;
    this.tabs.setAttribute("aria-label", t("easel.label"));
    this.tabs.replaceChildren(tab("picture"), tab("work"));
  }

  #picture() {
    if (!this.wanted) return [el("div", { class: "invite" }, el("h2", {}, t("easel.none")), el("p", {}, t("easel.none.more"))), ...this.#example()];
    const { picture, problem } = this.picked;
    const shown = picture ? [this.#shown(picture)] : [this.#invitation(), ...this.#example()];
    return [...(problem ? [notice(problem)] : []), ...shown];
  }

  /** What the technique makes, to whet the appetite. */
  #example() {
    const { example, title } = this.form.card ?? {};
    if (!example) return [];
    const src = new URL(example.replace(/^\//, ""), document.baseURI).href;
    return [el("img", { class: "example", src, alt: t("easel.example", { model: pick(title) }) })];
  }

  #shown(picture) {
    const alt = t("picture.alt", { name: picture.title });
    return el(
      "figure",
      { class: "chosen" },
      el("div", { class: "view" }, picture.seen ? el("img", { src: picture.url, alt, class: "result" }) : el("p", { class: "blank" }, picture.name, el("br"), t("picture.unseen"))),
      el(
        "figcaption",
        {},
        el("span", { class: "file-name" }, picture.name, picture.seen && el("small", {}, `${picture.width} × ${picture.height}`)),
        picture === this.drawn && button({ icon: "pencil", label: t("picture.redraw"), onclick: this.#draw }),
        button({ icon: "picture", label: t("picture.replace"), onclick: this.picked.choose }),
        button({ icon: "close", hint: t("picture.remove"), onclick: this.picked.clear, "data-do": "remove" }),
      ),
    );
  }

  #invitation() {
    return el(
      "div",
      { class: "invite" },
      el("h2", {}, t("picture.invite")),
      el("p", { class: "for-mouse" }, t("picture.how")),
      el("p", { class: "for-touch" }, t("picture.how.touch")),
      el(
        "div",
        { class: "ways" },
        button({ icon: "picture", label: t("picture.choose"), kind: "way", onclick: this.picked.choose, "data-do": "choose" }),
        button({ icon: "camera", label: t("picture.camera"), kind: "way for-touch", onclick: this.picked.shoot, "data-do": "camera" }),
        button({ icon: "pencil", label: t("picture.draw"), kind: "way", onclick: this.#draw, "data-do": "draw" }),
      ),
    );
  }

  /** Says everything in the language of the page. */
  relabel() {
    if (this.mode === "sketch") this.sketch.render();
    this.work.render(true);
    this.render();
  }
}
