/** Puts the page together: what is chosen and drawn, sent, followed, shown and hung on the wall. */

import { Api } from "./api.js";
import { confirmDelete } from "./dialog.js";
import { Easel } from "./easel.js";
import { Form } from "./form.js";
import { follow } from "./job.js";
import { forget, keep, recall } from "./memory.js";
import { send } from "./order.js";
import { Problem } from "./problem.js";
import { Wall } from "./wall.js";
import { Work } from "./work.js";
import { label, language, languageButton } from "./words.js";

const api = new Api();
const form = new Form(document.getElementById("panel"));
const work = new Work(api, form, () => renew());
const easel = new Easel(document.getElementById("easel"), form, work);
const wall = new Wall(document.getElementById("wall"), api, form);

/** The orders of this visit by job, so that one can be tried again. */
const orders = new Map();
/** The job on the easel, and what ends its being followed. */
let open = { id: null, stop: new AbortController() };

const asProblem = (error) => (error instanceof Problem ? error : new Problem({ code: "unknown", detail: String(error?.message ?? error) }));

const address = (id) => `#/works/${id}`;

// Opening

/** Leaves the job that was on the easel and starts afresh. */
function turnTo(id, before) {
  open.stop.abort();
  open = { id, stop: new AbortController() };
  easel.hasWork = true;
  work.begin(before);
  easel.show("work");
  return open;
}

/** Shows the job that the address names; an address that names none is an empty easel. */
async function openAddressed() {
  const id = location.hash.match(/^#\/works\/([0-9a-z]{26})$/)?.[1];
  if (!id && open.id) leave();
  if (!id || id === open.id) return;
  const mine = turnTo(id, orders.get(id)?.pictures.image ?? null);
  easel.reveal();
  recallBefore(mine);
  await followOpen(mine);
}

async function recallBefore(mine) {
  if (orders.has(mine.id)) return;
  const before = await recall(mine.id);
  if (before && mine === open) work.before = before;
}

async function followOpen(mine) {
  const { signal } = mine.stop;
  const onjob = (job) => {
    wall.put(job);
    work.update({ job, sending: null, canRetry: orders.has(job.id) });
  };
  try {
    await follow(api, mine.id, { onjob, onlost: () => work.update({ lost: true }), signal });
  } catch (error) {
    if (!signal.aborted) work.update({ problem: asProblem(error) });
  }
}

/** The open job as it now is, with addresses that work. */
async function renew() {
  const { body } = await api.get(`jobs/${open.id}`);
  wall.put(body);
  work.update({ job: body });
}

// Making

function readOrder() {
  const picture = easel.picture;
  if (form.picture?.required && !picture) throw new Problem({ code: "picture" });
  const order = form.order();
  if (picture && form.picture) order.pictures.image = picture;
  const named = picture?.title || Object.values(order.input).find((each) => typeof each === "string") || "";
  const title = Array.from(named).slice(0, 80).join(""); // whole characters: half of one is no JSON
  return { ...order, metadata: { client: "studio", ...(title && { title }) } };
}

async function make() {
  await easel.useSketch();
  form.problem = null;
  try {
    const order = readOrder();
    form.renderFoot();
    await commission(order);
  } catch (error) {
    form.problem = asProblem(error);
  }
  form.renderFoot();
}

/** Sends an order and follows it. What fails before there is a job is the form's to say. */
async function commission(order) {
  const mine = turnTo(null, order.pictures.image ?? null);
  easel.reveal();
  setBusy(true);
  try {
    await send(api, order, tellers(mine, order));
  } catch (error) {
    if (mine.stop.signal.aborted) return;
    if (!mine.id) return giveUp(error);
    work.update({ problem: asProblem(error), canRetry: true });
    return;
  } finally {
    setBusy(false);
  }
  if (mine === open) await followOpen(mine);
}

function giveUp(error) {
  leave();
  form.problem = asProblem(error);
}

function tellers(mine, order) {
  return {
    signal: mine.stop.signal,
    onprogress: (share) => mine === open && work.update({ sending: share }),
    onjob: (id) => {
      mine.id = id;
      orders.set(id, order);
      if (order.pictures.image) keep(id, order.pictures.image);
      history.pushState(null, "", address(id));
    },
  };
}

function setBusy(busy) {
  form.busy = busy;
  form.renderFoot();
}

// What can be done with a work

async function cancel() {
  const mine = open;
  if (!mine.id || work.sending !== null) mine.stop.abort();
  if (!mine.id) return leave();
  try {
    const { body } = await api.post(`jobs/${mine.id}/cancel`);
    if (body?.id && mine === open) work.update({ job: body, sending: null });
  } catch (problem) {
    if (problem.code !== "job_ended") work.uncancel();
  }
}

/** Clears the easel for the next picture. */
function leave() {
  open.stop.abort();
  open = { id: null, stop: new AbortController() };
  easel.hasWork = false;
  history.replaceState(null, "", location.pathname + location.search);
  easel.show("picture");
}

async function remove(job) {
  if (!(await confirmDelete())) return;
  try {
    await api.delete(`jobs/${job.id}`);
  } catch (error) {
    if (error.status !== 404 && error.status !== 410) {
      form.problem = Object.assign(asProblem(error), { retry: () => remove(job) });
      return form.renderFoot();
    }
  }
  forget(job.id);
  wall.remove(job.id);
  if (job.id === open.id) leave();
  document.getElementById("wall").focus({ preventScroll: true });
}

async function useAsPicture({ detail: { blob, name } }) {
  await easel.take(blob, name);
}

function useSettings() {
  const { model, params, seed, count } = work.job;
  form.choose(model, { params, options: { seed, count } });
}

/** Leads to a part of the page; the address keeps naming the work. */
function lead(event) {
  const link = event.target.closest?.("a[href^='#']:not([href^='#/'])");
  if (!link) return;
  event.preventDefault();
  const part = document.querySelector(link.getAttribute("href"));
  part.scrollIntoView();
  part.focus({ preventScroll: true });
}

// Start

work.addEventListener("cancel", cancel);
work.addEventListener("retry", () => commission(orders.get(open.id)));
work.addEventListener("delete", () => remove(work.job));
work.addEventListener("use", useAsPicture);
work.addEventListener("settings", useSettings);
wall.addEventListener("open", ({ detail }) => detail.id === open.id && (easel.show("work"), easel.reveal()));
wall.addEventListener("delete", ({ detail }) => remove(detail));
form.addEventListener("make", make);
form.addEventListener("model", () => {
  easel.wanted = form.picture;
  if (easel.mode === "picture") easel.render();
});
easel.addEventListener("change", () => {
  form.problem = null;
  form.renderFoot();
});
document.addEventListener("click", lead);
window.addEventListener("hashchange", openAddressed);
language.addEventListener("change", () => {
  label();
  form.render();
  easel.relabel();
  wall.render(true);
});

async function loadModels() {
  try {
    const { body } = await api.get("models");
    form.show(Object.assign(body.items, { loaded: true }));
  } catch (problem) {
    form.problem = Object.assign(asProblem(problem), { retry: loadModels });
    form.renderFoot();
  }
}

languageButton(document.getElementById("language"));
label();
await loadModels();
await Promise.all([wall.load(), openAddressed()]);
