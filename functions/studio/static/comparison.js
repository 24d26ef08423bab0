/** Before and after, one over the other, with a line between them that can be moved. */

import { el } from "./dom.js";
import { t } from "./words.js";

const ALIKE = 0.03;

/** Whether two pictures have the same shape, so that one can lie over the other. */
export function comparable(before, artwork) {
  if (!before?.seen || !artwork.width || !artwork.height) return false;
  const [one, other] = [before.width / before.height, artwork.width / artwork.height];
  return Math.abs(one / other - 1) < ALIKE;
}

/** @param {Node} after the work's picture */
export function comparison(after, before) {
  const old = el("img", { src: before.url, alt: t("work.before"), class: "before", draggable: "false" });
  const range = el("input", { type: "range", min: 0, max: 100, step: 0.5, value: 50, class: "divider", "aria-label": t("work.compare") });
  const frame = el(
    "div",
    { class: "comparison" },
    after,
    old,
    el("span", { class: "tag left", "aria-hidden": true }, t("work.before")),
    el("span", { class: "tag right", "aria-hidden": true }, t("work.after")),
    el("span", { class: "line", "aria-hidden": true }),
    range,
  );
  const move = () => frame.style.setProperty("--at", range.value / 100);
  range.addEventListener("input", move);
  move();
  return frame;
}
