/** How far a job has come. Its parts stay in place: a button must not change under a finger. */

import { button, el } from "./dom.js";
import { percent, t } from "./words.js";

export class Progress {
  constructor(oncancel) {
    this.status = el("strong");
    this.stage = el("span");
    this.share = el("span", { class: "share" });
    this.bar = el("progress", { max: 1 });
    this.cancel = button({ label: " ", "data-do": "cancel", onclick: oncancel });
    const words = el("p", { class: "progress-words" }, this.status, this.stage, this.share);
    this.element = el("div", { class: "progress" }, words, this.bar, this.cancel);
  }

  /** @param {{status: string, stage: string, share: number, canceling: boolean}} state */
  show({ status, stage, share, canceling }) {
    this.status.textContent = status;
    this.stage.textContent = stage;
    this.share.textContent = share > 0 ? percent(share) : "";
    this.bar.setAttribute("aria-label", status);
    if (share > 0) this.bar.value = share;
    else this.bar.removeAttribute("value");
    this.cancel.lastChild.textContent = t(canceling ? "job.canceling" : "job.cancel");
    this.cancel.disabled = canceling;
  }
}
