/** Questions that must be answered first: a confirmation, an API key. */

import { button, el, uid } from "./dom.js";
import { t } from "./words.js";

/** Opens a dialog and resolves with its return value ("" where it was left). */
function ask(build) {
  const title = uid("dialog");
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": title });
  dialog.append(...build(dialog, title));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => (dialog.remove(), resolve(dialog.returnValue)));
  });
}

/** Whether the person wants the work to be deleted. */
export async function confirmDelete() {
  const answer = await ask((dialog, id) => [
    el("h2", { id }, t("delete.title")),
    el("p", {}, t("delete.text")),
    el(
      "div",
      { class: "dialog-answers" },
      button({ label: t("delete.no"), autofocus: true, onclick: () => dialog.close("") }),
      button({ label: t("delete.yes"), kind: "danger", "data-do": "confirm", onclick: () => dialog.close("yes") }),
    ),
  ]);
  return answer === "yes";
}

/** An API key, or "" where none is given. */
export function askKey(wrong) {
  return ask((dialog, id) => {
    const field = uid("key");
    const input = el("input", { id: field, type: "password", autocomplete: "off", autofocus: true, required: true });
    const form = el(
      "form",
      { onsubmit: (event) => (event.preventDefault(), dialog.close(input.value.trim())) },
      wrong && el("p", { class: "notice", role: "alert" }, t("key.wrong")),
      el("label", { for: field }, t("key.label")),
      input,
      el(
        "div",
        { class: "dialog-answers" },
        button({ label: t("key.leave"), onclick: () => dialog.close("") }),
        el("button", { type: "submit", class: "primary" }, t("key.use")),
      ),
    );
    return [el("h2", { id }, t("key.title")), el("p", {}, t("key.text")), form];
  });
}
