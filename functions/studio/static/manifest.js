/** Why a work looks as it does: its manifest, for reading. */

import { el } from "./dom.js";
import { notice } from "./problem.js";
import { title, valueTitle } from "./schema.js";
import { moment, t } from "./words.js";

/** A fold that fetches the manifest when it is opened. */
export function manifest(api, artwork, form) {
  const body = el("div", { class: "manifest" });
  const load = async () => {
    body.replaceChildren(el("p", { class: "hint" }, t("manifest.loading")));
    try {
      body.replaceChildren(papers((await api.get(`artworks/${artwork.id}/manifest`)).body, form));
    } catch (problem) {
      body.replaceChildren(notice(problem, load));
    }
  };
  const fold = el("details", { class: "fold" }, el("summary", {}, t("manifest.title")), body);
  fold.addEventListener("toggle", () => fold.open && !body.childElementCount && load());
  return fold;
}

function papers(sheet, form) {
  const params = paramRows(sheet, form);
  return el(
    "dl",
    {},
    ...row("model", `${form.titleOf(sheet.model)} · ${sheet.version}`),
    ...(params.length ? row("params", el("dl", { class: "inner" }, ...params)) : []),
    ...row("text", pairs(sheet.text)),
    ...row("seed", String(sheet.job_seed)),
    ...row("made", moment(sheet.made_at)),
    ...row("inputs", pairs(sheet.inputs)),
    ...row("weights", pairs(sheet.weights)),
    ...row("sha256", code(sheet.sha256)),
    ...row("code", sheet.code_version && code(sheet.code_version)),
    ...row("environment", pairs(sheet.environment)),
    ...row("attempt", String(sheet.attempt)),
  );
}

const row = (key, value) => (value ? [el("dt", {}, t(`manifest.${key}`)), el("dd", {}, value)] : []);

const code = (words) => el("code", {}, words);

/** A small table of names and values; nothing for an empty one. */
function pairs(values) {
  const rows = Object.entries(values ?? {}).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, code(String(value)))]);
  return rows.length ? el("dl", { class: "inner" }, ...rows) : null;
}

function paramRows({ model, params }, form) {
  const known = new Map(form.paramsOf(model).map((field) => [field.name, field]));
  return Object.entries(params)
    .filter(([, value]) => value !== null && JSON.stringify(value) !== "{}")
    .flatMap(([name, value]) => {
      const field = known.get(name) ?? { name, schema: {} };
      return [el("dt", {}, title(field)), el("dd", {}, readable(value, field))];
    });
}

/** A parameter's value in words. */
function readable(value, { schema, mixture }) {
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (mixture) return Object.entries(value).map(([key, share]) => `${valueTitle(mixture.all, key)} ${share}`).join(" · ");
  return typeof value === "object" ? code(JSON.stringify(value)) : valueTitle(schema, value);
}
