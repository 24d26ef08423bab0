/** One job on the easel: how it is coming along, and what came of it. */

import { comparable, comparison } from "./comparison.js";
import { button, el, icon, say } from "./dom.js";
import { ended, nameOf, situation, stale, statusOf } from "./job.js";
import { manifest } from "./manifest.js";
import { notice } from "./problem.js";
import { Progress } from "./progress.js";
import { moment, percent, t } from "./words.js";

/**
 * Sends `cancel`, `retry`, `delete`, `use` (with a blob) and `settings`; asks `refresh` for the job
 * as it now is.
 */
export class Work extends EventTarget {
  job = null;
  /** The share of the picture that is sent; null where nothing is being sent. */
  sending = null;
  problem = null;
  lost = false;
  canRetry = false;
  #before = null;
  #index = 0;
  #drawn = "";
  #canceling = false;

  constructor(api, form, refresh) {
    super();
    Object.assign(this, { api, form, refresh });
    this.element = el("div", { class: "work" });
    this.progress = new Progress(() => this.#cancel());
  }

  /** Starts with a new job, of which perhaps only the picture is known. */
  begin(before) {
    Object.assign(this, { job: null, sending: null, problem: null, lost: false, canRetry: false });
    this.#before = before;
    this.#index = 0;
    this.#drawn = "";
    this.#canceling = false;
    this.render();
  }

  /** Takes news of the job, of its sending, or of a problem. */
  update(news) {
    Object.assign(this, { lost: false }, news);
    this.render();
  }

  /** The original came to light. */
  set before(picture) {
    this.#before = picture;
    this.#drawn = "";
    this.render();
  }

  /** Draws anew what has changed; a picture that stands is left alone. */
  render(force = false) {
    const signature = JSON.stringify([this.job?.id, this.job && ended(this.job), this.job?.artworks.map(({ id, url }) => [id, url]), this.#index, this.problem?.code, this.canRetry]);
    if (force || signature !== this.#drawn) this.#draw();
    this.#drawn = signature;
    this.#renderProgress();
  }

  #draw() {
    const { job } = this;
    const artwork = job?.artworks[this.#index];
    this.element.replaceChildren(
      el("div", { class: "view" }, artwork ? this.#shown(artwork) : this.#waiting()),
      ...(job?.artworks.length > 1 ? [this.#strip()] : []),
      this.progress.element,
      ...(this.problem ? [this.#trouble(this.problem, this.problem)] : []),
      ...(job && ended(job) ? this.#outcome(artwork) : []),
    );
  }

  // While it is being made

  #waiting() {
    const seen = this.#before?.seen && el("img", { src: this.#before.url, alt: "", class: "waiting" });
    return seen || el("div", { class: "blank" });
  }

  #renderProgress() {
    const { job, problem } = this;
    const over = problem || (job && ended(job));
    this.progress.element.hidden = Boolean(over);
    if (over) return;
    const share = this.sending ?? job?.progress ?? 0;
    const status = this.#status();
    this.progress.show({ status, share, stage: this.sending === null && job ? situation(job) : "", canceling: this.#canceling });
    say(share >= 0.25 ? `${status} ${percent(Math.floor(share * 4) / 4)}` : status);
  }

  #status() {
    if (this.lost) return t("job.lost");
    return this.job && this.sending === null ? statusOf(this.job) : t("status.sending");
  }

  #cancel() {
    this.#canceling = true;
    this.#renderProgress();
    this.dispatchEvent(new Event("cancel"));
  }

  /** The cancellation was refused: the button works again. */
  uncancel() {
    this.#canceling = false;
    this.#renderProgress();
  }

  // When it has ended

  #trouble(problem) {
    return notice(problem, this.canRetry ? () => this.dispatchEvent(new Event("retry")) : undefined);
  }

  #outcome(artwork) {
    const { job } = this;
    say(statusOf(job));
    return [
      job.status === "succeeded" ? null : this.#failure(job),
      this.#label(artwork),
      artwork ? this.#actions(artwork) : el("div", { class: "actions" }, this.#delete()),
      artwork ? manifest(this.api, artwork, this.form) : null,
    ].filter(Boolean);
  }

  #failure(job) {
    const trouble = job.error ? this.#trouble(job.error) : el("div", { class: "notice", role: "alert" }, el("p", {}, statusOf(job)));
    if (job.artworks.length) trouble.append(el("p", { class: "hint" }, t("work.kept")));
    else if (job.error && !this.canRetry) trouble.append(el("p", { class: "hint" }, t("work.choose.again")));
    return trouble;
  }

  /** The label beside the work, as in a museum. */
  #label(artwork) {
    const { job } = this;
    const size = artwork?.width ? `${artwork.width} × ${artwork.height}` : "";
    const facts = [this.form.titleOf(job.model), size, moment(job.ended_at ?? job.created_at)].filter(Boolean).join(" · ");
    return el("div", { class: "label" }, el("h2", {}, nameOf(job)), el("p", {}, facts));
  }

  #strip() {
    const { artworks } = this.job;
    const thumbs = artworks.map((artwork, nth) =>
      el(
        "button",
        {
          type: "button",
          class: "thumb",
          "aria-label": t("work.nth", { n: nth + 1, count: artworks.length }),
          "aria-pressed": String(nth === this.#index),
          onclick: () => this.#choose(nth),
        },
        el("img", { src: artwork.thumbnail_url, alt: "" }),
      ),
    );
    return el("div", { class: "strip" }, ...thumbs);
  }

  #choose(nth) {
    this.#index = nth;
    this.render();
    this.element.querySelectorAll(".thumb")[nth].focus();
  }

  // The work itself

  #shown(artwork) {
    const [family] = artwork.media_type.split("/");
    if (family === "image") return this.#image(artwork);
    if (family === "audio" || family === "video") return el(family, { src: artwork.url, controls: true, class: "playing" });
    if (family === "text" || artwork.media_type === "application/json") return this.#text(artwork);
    return el("p", { class: "blank" }, artwork.media_type);
  }

  #image(artwork) {
    const alt = t("work.alt", { name: nameOf(this.job), model: this.form.titleOf(this.job.model) });
    const image = el("img", { src: artwork.url, alt, class: "result", width: artwork.width, height: artwork.height, draggable: "false" });
    image.addEventListener("error", () => stale(this.job) && this.refresh(), { once: true });
    return comparable(this.#before, artwork) ? comparison(image, this.#before) : image;
  }

  #text(artwork) {
    const sheet = el("pre", { class: "text-work" });
    this.#bytes(artwork).then(async (blob) => (sheet.textContent = await blob.text()), (problem) => sheet.replaceWith(notice(problem)));
    return sheet;
  }

  /** The work's bytes, by an address that still works. */
  async #bytes({ id }) {
    if (stale(this.job)) await this.refresh();
    const { url } = this.job.artworks.find((artwork) => artwork.id === id);
    const response = await fetch(url);
    if (!response.ok) throw Object.assign(new Error(), { code: "unavailable" });
    return response.blob();
  }

  #actions(artwork) {
    const image = artwork.media_type.startsWith("image/");
    return el(
      "div",
      { class: "actions" },
      this.#download(artwork),
      image && button({ icon: "picture", label: t("work.use"), "data-do": "use", onclick: () => this.#use(artwork) }),
      button({ icon: "sliders", label: t("work.settings"), "data-do": "settings", onclick: () => this.dispatchEvent(new Event("settings")) }),
      this.#link(artwork),
      el("a", { class: "quiet", href: artwork.url, target: "_blank", rel: "noopener", onclick: (event) => this.#openFull(event) }, icon("expand"), t("work.open")),
      this.#delete(),
    );
  }

  #delete = () => button({ icon: "clear", label: t("work.delete"), "data-do": "delete", onclick: () => this.dispatchEvent(new Event("delete")) });

  /** A stale address is renewed before it is followed. */
  #openFull(event) {
    if (!stale(this.job)) return;
    event.preventDefault();
    this.refresh();
  }

  /** A link that saves the file under a good name, also where storage is another site. */
  #download(artwork) {
    const name = this.#fileName(artwork);
    const save = (event) => {
      if (!event.isTrusted) return;
      event.preventDefault();
      this.#attempt(async () => {
        const url = URL.createObjectURL(await this.#bytes(artwork));
        el("a", { href: url, download: name }).click();
        setTimeout(() => URL.revokeObjectURL(url), 60_000);
      });
    };
    const link = el("a", { class: "primary", href: artwork.url, download: name, onclick: save, "data-do": "download" });
    link.append(...button({ icon: "down", label: t("work.download") }).childNodes);
    return link;
  }

  #fileName({ index, media_type: type }) {
    const ending = { "image/jpeg": "jpg", "text/plain": "txt", "audio/midi": "mid", "model/gltf-binary": "glb" }[type] ?? type.split("/")[1].split(";")[0];
    return `${nameOf(this.job)} - ${this.form.titleOf(this.job.model)}${index ? ` ${index + 1}` : ""}.${ending}`;
  }

  #use(artwork) {
    this.#attempt(async () => {
      const blob = await this.#bytes(artwork);
      this.dispatchEvent(new CustomEvent("use", { detail: { blob, name: this.#fileName(artwork) } }));
    });
  }

  async #attempt(action) {
    try {
      await action();
    } catch (problem) {
      this.element.append(notice(problem.code ? problem : { code: "network" }));
    }
  }

  /** Copies the link that does not die; shows it where copying is not allowed. */
  #link({ id }) {
    const address = new URL(`v1/artworks/${id}`, document.baseURI).href;
    const copy = button({ icon: "link", label: t("work.link"), "data-do": "link" });
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(address);
        copy.lastChild.textContent = t("work.link.done");
        say(t("work.link.done"));
      } catch {
        copy.replaceWith(el("label", { class: "by-hand" }, t("work.link.by.hand"), el("input", { readonly: true, value: address, onfocus: (event) => event.target.select() })));
      }
    });
    return copy;
  }
}
