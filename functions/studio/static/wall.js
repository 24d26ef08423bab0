/** The wall: everything that was made, newest first. */

import { button, el, pause } from "./dom.js";
import { ended, nameOf, situation, stale, statusOf } from "./job.js";
import { explain, notice } from "./problem.js";
import { percent, shortMoment, t } from "./words.js";

const LOOK_AGAIN = 8;

/** Sends `open` and `delete`, each with a job. */
export class Wall extends EventTarget {
  /** @type {Map<string, object>} */
  jobs = new Map();
  #frames = new Map();
  #gone = new Set();
  #next = null;
  #problem = null;
  #loading = false;

  constructor(element, api, form) {
    super();
    Object.assign(this, { element, api, form });
    this.heading = el("h2", { class: "wall-title" });
    this.list = el("ul", { class: "frames" });
    this.foot = el("div", { class: "wall-foot" });
    element.append(this.heading, this.list, this.foot);
    document.addEventListener("visibilitychange", () => document.hidden || this.#refresh());
    this.#watch();
  }

  /** Fetches the first page, or the next one. */
  load = async () => {
    this.#set({ loading: true, problem: null });
    try {
      const { body } = await this.api.get(`jobs${this.#next ? `?cursor=${encodeURIComponent(this.#next)}` : ""}`);
      body.items.forEach((job) => this.#take(job));
      this.#next = body.next;
    } catch (problem) {
      this.#problem = problem;
    }
    this.#set({ loading: false });
  };

  /** Takes news of a job. A list may lag behind: what is deleted stays so. */
  put(job) {
    this.#take(job);
    this.render();
  }

  remove(id) {
    this.#gone.add(id);
    this.jobs.delete(id);
    this.render();
  }

  #take(job) {
    const known = this.jobs.get(job.id);
    if (this.#gone.has(job.id) || (known && ended(known) && !ended(job))) return;
    this.jobs.set(job.id, job);
  }

  #set({ loading, problem = this.#problem }) {
    this.#loading = loading;
    this.#problem = problem;
    this.render();
  }

  /** Looks at the newest jobs again, as long as some of them are unfinished. */
  async #watch() {
    for (;;) {
      await pause(LOOK_AGAIN);
      const busy = Array.from(this.jobs.values()).some((job) => !ended(job));
      if (busy && !document.hidden) await this.#refresh();
    }
  }

  async #refresh() {
    const unfinished = Array.from(this.jobs.values()).filter((job) => !ended(job)).slice(0, 12);
    await Promise.all(unfinished.map((job) => this.#renew(job.id)));
  }

  /** A job as it now is, with addresses that work. */
  async #renew(id) {
    try {
      this.put((await this.api.get(`jobs/${id}`)).body);
    } catch (problem) {
      if (problem.status === 404 || problem.status === 410) this.remove(id);
    }
  }

  // How it looks

  /** Hangs what is new, takes down what is gone, leaves the rest as it is. */
  render(force = false) {
    this.heading.textContent = t("wall.title");
    const newest = Array.from(this.jobs.values()).sort((a, b) => (a.id < b.id ? 1 : -1));
    const frames = newest.map((job) => this.#frame(job, force));
    if (frames.length !== this.list.childElementCount || frames.some((frame, n) => this.list.children[n] !== frame)) {
      this.list.replaceChildren(...frames);
    }
    for (const id of this.#frames.keys()) if (!this.jobs.has(id)) this.#frames.delete(id);
    this.#renderFoot();
  }

  #renderFoot() {
    const state = this.#loading ? el("p", { class: "hint" }, t("wall.loading")) : !this.jobs.size && !this.#problem && el("p", { class: "hint" }, t("wall.empty"));
    this.foot.replaceChildren(
      ...[
        this.#problem && notice(this.#problem, this.load),
        state,
        this.#next && !this.#loading && button({ label: t("wall.more"), onclick: this.load, "data-do": "more" }),
      ].filter(Boolean),
    );
  }

  #frame(job, force) {
    const shown = this.#frames.get(job.id);
    const signature = JSON.stringify([job.status, job.stage, job.progress, job.artworks.map(({ thumbnail_url: url }) => url)]);
    if (shown?.signature === signature && !force) return shown.element;
    const element = this.#hang(job);
    this.#frames.set(job.id, { signature, element });
    return element;
  }

  #hang(job) {
    const name = nameOf(job);
    const open = el(
      "a",
      { class: "frame-picture", href: `#/works/${job.id}`, onclick: () => this.dispatchEvent(new CustomEvent("open", { detail: job })), "aria-label": t("wall.open", { name, status: statusOf(job) }) },
      job.artworks.length ? this.#thumbnail(job) : el("span", { class: `frame-empty ${job.status}` }, this.#emptiness(job)),
      job.artworks.length > 1 && el("span", { class: "frame-count" }, job.artworks.length),
    );
    const remove = button({ icon: "clear", hint: t("wall.delete", { name }), "data-do": "delete", onclick: () => this.dispatchEvent(new CustomEvent("delete", { detail: job })) });
    const words = el("div", { class: "frame-words" }, el("strong", {}, name), el("small", {}, this.form.titleOf(job.model)), el("small", {}, shortMoment(job.created_at)));
    return el("li", { class: "frame", "data-job": job.id, "data-status": job.status }, open, el("div", { class: "frame-foot" }, words, remove));
  }

  #thumbnail(job) {
    const [first] = job.artworks;
    const image = el("img", { src: first.thumbnail_url, alt: "", loading: "lazy", decoding: "async", width: first.width, height: first.height });
    image.addEventListener("error", () => stale(job) && this.#renew(job.id), { once: true });
    return image;
  }

  /** What to say where no picture hangs. */
  #emptiness(job) {
    if (job.error) return explain(job.error).words;
    if (ended(job)) return statusOf(job);
    const share = job.progress > 0 ? percent(job.progress) : "";
    return [statusOf(job), share || situation(job)].filter(Boolean).join(" · ");
  }
}
