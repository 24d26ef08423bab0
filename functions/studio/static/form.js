/** The panel: which technique, with which settings. The catalogue's schemas decide what it asks. */

import { el, icon, uid } from "./dom.js";
import { Unreadable, control } from "./field.js";
import { Problem, notice } from "./problem.js";
import { fields, title } from "./schema.js";
import { pick, t } from "./words.js";

const MAIN = "image";
const FINE = new Set(["mixture", "json", "number"]);
const TUNING = new Set(["slider", "boolean"]);

/** The parameters for the fold: what is rarely needed, and all tuning but the first. */
function finer(params) {
  const first = params.find(({ kind }) => TUNING.has(kind));
  return params.filter((field) => field.schema["x-advanced"] ?? (FINE.has(field.kind) || (TUNING.has(field.kind) && field !== first)));
}

const COUNT = () => ({
  name: "count",
  kind: "slider",
  schema: { type: "integer", minimum: 1, maximum: 16, default: 1, title: t("panel.count"), "x-title-zh": t("panel.count") },
});
const SEED = () => ({
  name: "seed",
  kind: "number",
  schema: {
    type: "integer",
    minimum: 0,
    maximum: 2 ** 32 - 1,
    title: t("panel.seed"),
    "x-title-zh": t("panel.seed"),
    description: t("panel.seed.hint"),
    "x-description-zh": t("panel.seed.hint"),
  },
});

/** Sends `model` when another technique is chosen and `make` when the work is to be made. */
export class Form extends EventTarget {
  cards = [];
  card = null;
  busy = false;
  problem = null;
  #controls = { input: new Map(), params: new Map(), options: new Map() };
  #kept = new Map();
  #open = false;

  constructor(element) {
    super();
    this.element = element;
    this.foot = el("div", { class: "panel-foot" });
    element.addEventListener("submit", (event) => (event.preventDefault(), this.#make()));
    this.render();
  }

  /** Takes the catalogue. */
  show(cards) {
    this.cards = cards;
    this.choose(cards[0]?.name);
  }

  /** Takes a technique; its settings are as they were left. */
  choose(name, settings) {
    this.#keep();
    this.card = this.cards.find((card) => card.name === name) ?? this.card;
    if (settings && this.card) this.#kept.set(this.card.name, { ...this.#kept.get(this.card.name), ...settings });
    this.problem = null;
    this.render();
    this.dispatchEvent(new Event("model"));
  }

  /** Whether the technique starts from a picture, and whether it must. */
  get picture() {
    const field = this.card && fields(this.card.input).find(({ name, kind }) => name === MAIN && kind === "picture");
    return field ? { required: field.required } : null;
  }

  /** Whether the settings fit to a technique of that name. */
  knows = (name) => this.cards.some((card) => card.name === name);

  titleOf = (name) => pick(this.cards.find((card) => card.name === name)?.title) || name;

  /** @returns {{name: string, schema: object}[]} */
  paramsOf = (name) => fields(this.cards.find((card) => card.name === name)?.params ?? {});

  // What was filled in

  /** The order as it stands: model, params, input, pictures, seed, count. Throws a `Problem`. */
  order() {
    const input = this.#read("input", true);
    const isPicture = (name) => fields(this.card.input).find((field) => field.name === name)?.kind === "picture";
    const some = (wanted) => Object.fromEntries(Object.entries(input).filter(([name]) => isPicture(name) === wanted));
    return { model: this.card.name, params: this.#read("params"), ...this.#read("options"), input: some(false), pictures: some(true) };
  }

  #read(group, strict) {
    const values = {};
    for (const [name, { field, get }] of this.#controls[group]) {
      const value = this.#valueOf(field, get);
      if (value !== undefined) values[name] = value;
      else if (strict && field.required) throw new Problem({ code: "needs", detail: title(field) });
    }
    return values;
  }

  #valueOf(field, get) {
    try {
      return get();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      throw new Problem({ code: "bad", detail: title(field) });
    }
  }

  /** Remembers what was filled in, before the controls go. */
  #keep() {
    if (!this.card || !this.#controls.options.size) return;
    const kept = {};
    for (const [group, controls] of Object.entries(this.#controls)) {
      kept[group] = {};
      for (const [name, { get }] of controls) {
        try {
          kept[group][name] = get();
        } catch {
          // What cannot be read is not worth keeping.
        }
      }
    }
    this.#kept.set(this.card.name, kept);
    this.#open = this.element.querySelector("details")?.open ?? this.#open;
  }

  #make() {
    if (!this.busy && this.card) this.dispatchEvent(new Event("make"));
  }

  // How it looks

  /** Draws everything anew, keeping what was filled in. */
  render() {
    this.#keep();
    this.element.replaceChildren(...(this.cards.length ? [this.#models(), ...this.#settings()] : [this.#nothing()]), this.foot);
    this.renderFoot();
  }

  #nothing = () => el("p", { class: "hint loading" }, this.cards.loaded ? t("panel.empty") : t("panel.loading"));

  #models() {
    const name = uid("model");
    const chips = this.cards.map((card) => {
      const input = el("input", { type: "radio", name, value: card.name, class: "unseen", onchange: () => this.#pick(card.name) });
      input.checked = card === this.card;
      return el("label", { class: "chip model" }, input, el("span", {}, pick(card.title)));
    });
    return el(
      "fieldset",
      { class: "field models" },
      el("legend", { class: "field-label" }, t("panel.model")),
      el("div", { class: "chips" }, ...chips),
      el("p", { class: "hint" }, pick(this.card.description)),
    );
  }

  #pick(name) {
    this.choose(name);
    this.element.querySelector(`input[value="${CSS.escape(name)}"]`).focus();
  }

  #settings() {
    const inputs = fields(this.card.input).filter((field) => field.name !== MAIN || field.kind !== "picture");
    const params = fields(this.card.params);
    const fine = finer(params);
    this.#controls = { input: new Map(), params: new Map(), options: new Map() };
    const plain = params.filter((field) => !fine.includes(field));
    const rest = [...this.#place("params", fine), ...this.#place("options", [COUNT(), SEED()])];
    return [
      ...this.#place("input", inputs.filter(({ kind }) => kind !== "picture")),
      ...this.#place("params", plain),
      ...this.#place("input", inputs.filter(({ kind }) => kind === "picture")),
      el("details", { class: "fold", open: this.#open }, el("summary", {}, icon("sliders"), t("panel.more")), ...rest),
    ];
  }

  #place(group, list) {
    const kept = this.#kept.get(this.card.name)?.[group] ?? {};
    return list.map((field) => {
      const made = control(field);
      if (kept[field.name] !== undefined) made.set(kept[field.name]);
      this.#controls[group].set(field.name, { field, ...made });
      return made.element;
    });
  }

  /** The button, and what stands in its way. */
  renderFoot() {
    const label = this.busy ? t("panel.making") : t("panel.make");
    const make = el("button", { type: "submit", class: "primary make", disabled: this.busy || !this.card }, label);
    this.foot.replaceChildren(...(this.problem ? [this.#problem(this.problem)] : []), make);
  }

  #problem(problem) {
    if (problem.code === "picture") return el("p", { class: "notice", role: "alert" }, t("panel.needs"));
    const own = { needs: "panel.needs.field", bad: "panel.bad.field" }[problem.code];
    if (own) return el("p", { class: "notice", role: "alert" }, t(own, { field: problem.detail }));
    return notice(problem, problem.retry ?? (() => this.#make()));
  }
}
