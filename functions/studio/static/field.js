/** The controls of the form: each has an element, `get()` (undefined: left out) and `set(value)`. */

import { button, el, uid } from "./dom.js";
import { description, title, valueTitle } from "./schema.js";
import { language, t } from "./words.js";
import { Well } from "./well.js";

const MANY = 8;

/** Thrown by `get()` where what was typed cannot be read. */
export class Unreadable extends Error {}

const number = (value) => new Intl.NumberFormat(language.tag, { maximumFractionDigits: 3, useGrouping: false }).format(value);

/** A label above a control, with an optional value beside it and a hint below. */
function framed(field, id, control, { beside, hint = description(field) } = {}) {
  const label = el("label", { for: id, class: "field-label" }, title(field), beside);
  const help = hint && el("p", { class: "hint", id: `${id}-hint` }, hint);
  if (help) control.setAttribute("aria-describedby", help.id);
  return el("div", { class: "field", "data-field": field.name }, label, control, help);
}

function choice(field, name, value, onchange) {
  const input = el("input", { type: "radio", name, value: String(value), class: "unseen", onchange });
  const colours = field.schema["x-enum-colors"]?.[value] ?? [];
  const label = el("label", { class: "chip" }, input, el("span", {}, swatch(colours), valueTitle(field.schema, value)));
  return { value, input, label };
}

/** A few colours that tell what a choice looks like. */
function swatch(colours) {
  const bands = colours.filter((colour) => /^#[0-9a-f]{6}$/i.test(colour)).map((colour) => {
    const band = el("i", {});
    band.style.backgroundColor = colour;
    return band;
  });
  return bands.length > 0 && el("span", { class: "bands", "aria-hidden": true }, ...bands);
}

function enumeration(field) {
  const name = uid("choice");
  const help = description(field);
  const all = field.schema.enum.filter((value) => value !== null).map((value) => choice(field, name, value));
  if (field.schema.nullable) all.unshift(nothing(name));
  return {
    element: el(
      "fieldset",
      { class: "field", "data-field": field.name },
      el("legend", { class: "field-label" }, title(field)),
      el("div", { class: all.length > MANY ? "chips many" : "chips" }, ...all.map(({ label }) => label)),
      help && el("p", { class: "hint" }, help),
    ),
    get: () => all.find(({ input }) => input.checked)?.value,
    set: (value) => all.forEach((each) => (each.input.checked = each.value === (value ?? undefined))),
  };
}

/** The choice not to choose. */
function nothing(name) {
  const input = el("input", { type: "radio", name, value: "", class: "unseen" });
  return { value: undefined, input, label: el("label", { class: "chip" }, input, el("span", {}, t("field.auto"))) };
}

function toggle(field) {
  const id = uid("toggle");
  const input = el("input", { type: "checkbox", role: "switch", id, class: "switch" });
  const element = framed(field, id, input);
  element.classList.add("across");
  return { element, get: () => input.checked, set: (value) => (input.checked = Boolean(value)) };
}

/** How far apart a slider's stops are. */
function step({ type, multipleOf, minimum, maximum }) {
  if (multipleOf) return multipleOf;
  if (type === "integer") return 1;
  return 10 ** Math.floor(Math.log10((maximum - minimum) / 50));
}

/** A slider that knows "untouched" where the schema names no value. */
function slider(field) {
  const { schema } = field;
  const id = uid("slider");
  const [minimum, maximum] = [schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum];
  const size = step({ ...schema, minimum, maximum });
  const [min, max] = [schema.minimum ?? minimum + size, schema.maximum ?? maximum - size];
  const output = el("output", { for: id });
  const reset = button({ icon: "close", hint: t("field.reset"), onclick: () => show(undefined) });
  const input = el("input", { id, type: "range", min, max, step: size, oninput: () => show(Number(input.value)) });
  let now;
  const show = (value) => {
    now = value ?? schema.default ?? undefined;
    input.value = now ?? (min + max) / 2;
    output.textContent = now === undefined ? t("field.auto") : number(now);
    input.setAttribute("aria-valuetext", output.textContent);
    input.classList.toggle("untouched", now === undefined);
    reset.hidden = now === undefined || !automatic;
    fill(input);
  };
  const automatic = schema.default === undefined || schema.default === null;
  const element = framed(field, id, input, { beside: el("span", { class: "beside" }, output, reset) });
  show(undefined);
  return { element, get: () => now, set: (value) => show(value ?? undefined) };
}

/** Tells the style sheet how far the slider is, to colour its track. */
function fill(input) {
  input.style.setProperty("--share", (input.value - input.min) / (input.max - input.min || 1));
}

function numeral(field) {
  const id = uid("number");
  const { minimum: min, maximum: max, type, multipleOf } = field.schema;
  const input = el("input", { id, type: "number", inputmode: "decimal", min, max, step: multipleOf ?? (type === "integer" ? 1 : "any") });
  input.placeholder = field.required ? "" : t("field.auto");
  return {
    element: framed(field, id, input),
    get: () => {
      if (!input.checkValidity()) throw new Unreadable();
      return input.value === "" ? undefined : Number(input.value);
    },
    set: (value) => (input.value = value ?? ""),
  };
}

function words(field) {
  const id = uid("words");
  const { minLength, maxLength, default: usual } = field.schema;
  const long = (maxLength ?? 201) > 200;
  const props = { id, maxlength: maxLength, minlength: minLength, dir: "auto", required: field.required };
  const input = long ? el("textarea", { ...props, rows: 3 }) : el("input", { ...props, type: "text" });
  return {
    element: framed(field, id, input),
    get: () => input.value.trim() || (usual === "" ? "" : undefined),
    set: (value) => (input.value = value ?? ""),
  };
}

/** Shares of several things: one slider for each that was put in. */
function mix(field) {
  const { keys, share, all } = field.mixture;
  const chosen = new Map();
  const rows = el("div", { class: "mix" });
  const id = uid("mix");
  const add = el("select", { id, onchange: () => (put(add.value, 0.5), rows.lastChild?.querySelector("input").focus()) });
  const put = (key, value) => {
    const part = { name: key, schema: { ...share, ...scale(share), default: 0.5, title: valueTitle(all, key), "x-title-zh": valueTitle(all, key) } };
    const control = slider(part);
    const remove = button({ icon: "close", hint: t("field.mix.remove", { name: title(part) }), onclick: () => (chosen.delete(key), show()) });
    control.set(value);
    control.element.append(remove);
    chosen.set(key, control);
    show();
  };
  const show = () => {
    rows.replaceChildren(...Array.from(chosen.values(), ({ element }) => element));
    const left = keys.filter((key) => !chosen.has(key));
    add.replaceChildren(el("option", { value: "" }, t("field.mix.add")), ...left.map((key) => el("option", { value: key }, valueTitle(all, key))));
    add.disabled = !left.length || chosen.size >= (field.schema.maxProperties ?? Infinity);
  };
  show();
  const element = framed(field, id, add);
  element.insertBefore(rows, add);
  return {
    element,
    get: () => (chosen.size ? Object.fromEntries(Array.from(chosen, ([key, { get }]) => [key, get()])) : undefined),
    set: (value) => {
      chosen.clear();
      const largest = scale(share).maximum;
      const most = Math.max(largest, ...Object.values(value ?? {}));
      Object.entries(value ?? {}).forEach(([key, part]) => put(key, (part / most) * largest));
      show();
    },
  };
}

/** Shares count in proportion to each other: up to 1 is scale enough, and none is taken out. */
const scale = ({ minimum, maximum }) => ({ minimum: Math.max(minimum ?? 0, 0.05), maximum: Math.min(maximum ?? 1, 1) });

/** What no other control fits. */
function json(field) {
  const id = uid("json");
  const input = el("textarea", { id, rows: 3, spellcheck: "false", class: "code", placeholder: t("field.json") });
  return {
    element: framed(field, id, input),
    get: () => {
      try {
        return input.value.trim() ? JSON.parse(input.value) : undefined;
      } catch {
        throw new Unreadable();
      }
    },
    set: (value) => (input.value = value === undefined || value === null ? "" : JSON.stringify(value)),
  };
}

function picture(field) {
  const well = new Well(title(field), field.required);
  well.element.dataset.field = field.name;
  return { element: well.element, get: () => well.get() ?? undefined, set: (value) => well.set(value) };
}

const CONTROLS = { enum: enumeration, boolean: toggle, slider, number: numeral, text: words, mixture: mix, json, picture };

/** The control for a field, at its usual value. */
export function control(field) {
  const made = CONTROLS[field.kind](field);
  made.set(field.kind === "picture" ? null : field.schema.default);
  return made;
}
