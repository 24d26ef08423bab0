/** An order: what is to be made, from which pictures, and how it is sent. */

import { put } from "./api.js";
import { uuid } from "./dom.js";

/**
 * @typedef {object} Order
 * @property {string} model
 * @property {object} params
 * @property {object} input texts and the like, by field
 * @property {Record<string, import("./picture.js").Picture>} pictures by field; the main one is `image`
 * @property {number} [seed]
 * @property {number} [count]
 * @property {Record<string, string>} metadata
 */

/**
 * Sends an order. With a main picture the upload itself starts the job: one round trip less.
 * @param {import("./api.js").Api} api
 * @param {Order} order
 * @param {{onjob: (id: string) => void, onprogress: (share: number) => void, signal: AbortSignal}} tell
 * @returns {Promise<string>} the job's id
 */
export async function send(api, { pictures: { image, ...others }, ...order }, tell) {
  const request = { ...order, input: { ...order.input, ...(await uploadAll(api, others, tell)) } };
  if (!image) {
    const { body } = await api.post("jobs", { body: request, key: uuid(), signal: tell.signal });
    tell.onjob(body.id);
    return body.id;
  }
  return (await upload(api, image, { ...tell, job: request })).job_id;
}

async function uploadAll(api, pictures, { signal }) {
  const sources = {};
  for (const [field, picture] of Object.entries(pictures)) {
    sources[field] = { upload: (await upload(api, picture, { signal })).id };
  }
  return sources;
}

/** One picture to storage, with the job that it starts, if any. */
async function upload(api, picture, { job, onjob, onprogress, signal }) {
  const about = { content_type: picture.type, size: picture.blob.size, filename: picture.name.slice(-255) || undefined, job };
  const { body: ticket } = await api.post("uploads", { body: about, key: uuid(), signal });
  if (ticket.job_id) onjob?.(ticket.job_id);
  try {
    await put(ticket, picture.blob, { onprogress, signal });
  } catch (problem) {
    // A job whose picture never comes would only wait for its end.
    if (ticket.job_id) await api.post(`jobs/${ticket.job_id}/cancel`).catch(() => {});
    throw problem;
  }
  return ticket;
}
