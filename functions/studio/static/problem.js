/** What went wrong, and how to say it kindly. */

import { button, el } from "./dom.js";
import { has, t } from "./words.js";

/** An error with a stable code: an `application/problem+json`, or one of the page's own. */
export class Problem extends Error {
  constructor({ code = "unknown", status = 0, detail = "", errors = [] }) {
    super(detail || code);
    Object.assign(this, { code, status, detail, errors });
  }

  /** The problem that an answer of the API describes, whoever wrote it. */
  static async from(response) {
    const body = await response.json().catch(() => ({}));
    const code = body.code ?? (response.status >= 500 ? "unavailable" : "unknown");
    return new Problem({ ...body, code, detail: body.detail ?? "", status: response.status });
  }
}

/** The kind words for a code, and the studio's own words where they say more. */
export function explain({ code, detail, message }) {
  const exact = detail ?? message ?? "";
  return has(`problem.${code}`)
    ? { words: t(`problem.${code}`), exact }
    : { words: exact || t("problem.unknown"), exact: "" };
}

/**
 * A notice about a problem, with a way on where there is one.
 * @param {{code: string, detail?: string, message?: string}} problem
 * @param {() => void} [retry]
 */
export function notice(problem, retry) {
  const { words, exact } = explain(problem);
  return el(
    "div",
    { class: "notice", role: "alert", "data-code": problem.code },
    el("p", {}, words),
    exact && exact !== problem.code && el("p", { class: "exact", lang: "en" }, exact),
    retry && button({ icon: "again", label: t("retry"), onclick: retry, "data-do": "retry" }),
  );
}
