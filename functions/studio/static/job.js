/** A job as the API tells it: following it, and the words for where it stands. */

import { pause } from "./dom.js";
import { Problem } from "./problem.js";
import { has, t } from "./words.js";

const ENDED = new Set(["succeeded", "failed", "canceled", "expired"]);
const WAIT = 20;

export const ended = (job) => ENDED.has(job.status);

/** Whether a signed URL of the job is dead, or about to be. */
export const stale = (job) =>
  job.artworks.some((artwork) => Date.parse(artwork.url_expires_at) < Date.now() + 30_000);

/**
 * Follows a job to its end. The first answer comes at once, later ones when something has changed.
 * @param {{onjob: (job: object) => void, onlost: () => void, signal: AbortSignal}} tell
 */
export async function follow(api, id, { onjob, onlost, signal }) {
  let etag = null;
  for (;;) {
    const answer = await ask(api, id, etag, signal, onlost);
    if (answer?.body) onjob(answer.body);
    if (answer?.body && ended(answer.body)) return;
    etag = answer?.etag ?? etag;
    await pause(answer ? (answer.retryAfter ?? 0.5) : 3, signal);
  }
}

/** One question; null where the connection is gone, which is no reason to give up. */
async function ask(api, id, etag, signal, onlost) {
  try {
    return await api.get(`jobs/${id}${etag ? `?wait=${WAIT}` : ""}`, { etag, signal });
  } catch (problem) {
    if (!(problem instanceof Problem) || (problem.status && problem.status < 500)) throw problem;
    onlost();
    return null;
  }
}

/** The page's words for one of the API's; its own where there are none. */
function known(prefix, word) {
  const key = `${prefix}.${word.toLowerCase().replace(/\W+/g, "_")}`;
  return has(key) ? t(key) : word;
}

/** Where a job stands, in a word or two. */
export const statusOf = (job) => known("status", job.status);

/** What is going on with it, or why nothing is. */
export function situation(job) {
  if (job.status === "running") return job.stage ? known("stage", job.stage) : "";
  if (ended(job) || !job.queue) return "";
  const { reason, position } = job.queue;
  return [reason && known("reason", reason), position > 0 && t("status.position", { n: position })].filter(Boolean).join(" · ");
}

/** The title of a job's works: what the picture was called. */
export const nameOf = (job) => job.metadata?.title || t("work.untitled");
