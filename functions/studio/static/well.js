/** A place for one picture: choose a file, drop it, paste it, take a photo. */

import { button, el, uid } from "./dom.js";
import { Picture } from "./picture.js";
import { notice } from "./problem.js";
import { t } from "./words.js";

const ACCEPT = "image/*,.tif,.tiff,.avif,.heic";

/** The pictures among what was dropped or pasted. */
const files = (transfer) => Array.from(transfer?.files ?? []);

/** Asks the device for a file; `camera` asks for a photo. */
function chooser(take, camera) {
  const input = el("input", { type: "file", accept: ACCEPT, class: "unseen", tabindex: -1, "aria-hidden": true });
  if (camera) input.setAttribute("capture", "environment");
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    input.value = "";
  });
  return input;
}

/** Holds one picture or none; sends `change`. */
export class Picked extends EventTarget {
  /** @type {Picture|null} */
  picture = null;
  problem = null;

  constructor() {
    super();
    this.file = chooser((file) => this.take(file), false);
    this.photo = chooser((file) => this.take(file), true);
  }

  choose = () => this.file.click();
  shoot = () => this.photo.click();

  /** Takes a file; a file that is no picture leaves the old one and says why. */
  async take(file, name) {
    this.problem = null;
    try {
      this.picture = await Picture.open(file, name);
    } catch (problem) {
      this.problem = problem;
    }
    this.dispatchEvent(new Event("change"));
  }

  clear = () => {
    this.picture = this.problem = null;
    this.dispatchEvent(new Event("change"));
  };

  /** Lets pictures be dropped on an element. */
  catchDrops(element) {
    const over = (on) => element.classList.toggle("dropping", on);
    element.addEventListener("dragover", (event) => (event.preventDefault(), over(true)));
    element.addEventListener("dragleave", (event) => element.contains(event.relatedTarget) || over(false));
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      over(false);
      if (files(event.dataTransfer).length) this.take(files(event.dataTransfer)[0]);
    });
  }

  /** Takes what is pasted anywhere on the page. */
  catchPastes() {
    document.addEventListener("paste", (event) => {
      const [file] = files(event.clipboardData);
      if (file) this.take(file, file.name);
    });
  }
}

/** A small well in the panel, for pictures beside the main one. */
export class Well {
  constructor(label, required) {
    this.picked = new Picked();
    this.required = required;
    this.id = uid("well");
    this.view = el("div", { class: "well-view" });
    const name = el("span", { class: "field-label", id: this.id }, label);
    if (!required) name.append(el("small", {}, t("optional")));
    this.element = el("div", { class: "field well", role: "group", "aria-labelledby": this.id }, name, this.view, this.picked.file);
    this.picked.addEventListener("change", () => this.render());
    this.picked.catchDrops(this.element);
    this.render();
  }

  get = () => this.picked.picture;

  set(picture) {
    this.picked.picture = picture ?? null;
    this.render();
  }

  render() {
    const { picture, problem, choose, clear } = this.picked;
    this.view.replaceChildren(
      ...(picture ? this.filled(picture, choose, clear) : [button({ icon: "picture", label: t("picture.add"), onclick: choose, kind: "well-add" })]),
      ...(problem ? [notice(problem)] : []),
    );
  }

  filled(picture, choose, clear) {
    const seen = picture.seen && el("img", { src: picture.url, alt: t("picture.alt", { name: picture.title }) });
    return [
      el("button", { type: "button", class: "well-picture", onclick: choose, "aria-label": t("picture.replace") }, seen || picture.name),
      button({ icon: "close", hint: t("picture.remove"), onclick: clear }),
    ];
  }
}
