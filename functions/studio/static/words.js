/** The page's language: which one it is, and every word in it. */

import en from "./en.js";
import zh from "./zh.js";
import { el } from "./dom.js";

const WORDS = { en, zh };
const KEEP = "atelier.language";

function remembered() {
  try {
    return localStorage.getItem(KEEP);
  } catch {
    return null;
  }
}

function remember(code) {
  try {
    localStorage.setItem(KEEP, code);
  } catch {
    // A browser that keeps nothing asks its own setting again next time.
  }
}

class Language extends EventTarget {
  code = WORDS[remembered()] ? remembered() : navigator.language.startsWith("zh") ? "zh" : "en";

  get tag() {
    return this.code === "zh" ? "zh-Hans" : "en";
  }

  /** Switches, and tells everybody. */
  choose(code) {
    this.code = code;
    remember(code);
    this.dispatchEvent(new Event("change"));
  }
}

export const language = new Language();

/** Whether there are words for this key. */
export const has = (key) => key in WORDS[language.code];

/** The words for a key, `{name}` filled in. */
export function t(key, values = {}) {
  const words = WORDS[language.code][key] ?? WORDS.en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The right one of `{en, zh}`. */
export const pick = (localised) => localised?.[language.code] ?? localised?.en ?? "";

/** A moment, as people write it. */
export const moment = (iso) =>
  new Intl.DateTimeFormat(language.tag, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));

/** The same where there is little room: the year only where it is another one. */
export function shortMoment(iso) {
  const date = new Date(iso);
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  const parts = { ...year, month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
  return new Intl.DateTimeFormat(language.tag, parts).format(date);
}

/** A number between 0 and 1 as a percentage. */
export const percent = (share) => new Intl.NumberFormat(language.tag, { style: "percent" }).format(share);

/** Puts the words into the parts of the page that are written in index.html. */
export function label(root = document) {
  document.documentElement.lang = language.tag;
  document.title = t("title");
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) {
    node.setAttribute("aria-label", t(node.dataset.tLabel));
  }
}

/** The button that switches to the other language, written in that language. */
export function languageButton(button) {
  const other = () => (language.code === "en" ? "zh" : "en");
  const show = () => {
    button.replaceChildren(el("span", { lang: other() }, other() === "zh" ? "中文" : "English"));
    button.setAttribute("aria-label", other() === "zh" ? "切换到中文" : "Switch to English");
  };
  button.addEventListener("click", () => language.choose(other()));
  language.addEventListener("change", show);
  show();
}
