/**
 * The originals, kept in this browser only, so that before and after can be compared on a later
 * day. Small copies, the newest few; a browser that keeps nothing does without.
 */

import { Picture } from "./picture.js";

const STORE = "originals";
const LONG_SIDE = 1600;
const MOST = 60;

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function store(mode) {
  const request = indexedDB.open("atelier", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return (await done(request)).transaction(STORE, mode).objectStore(STORE);
}

/** A copy that is small enough to keep. */
async function small({ url, width, height }) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const scale = Math.min(1, LONG_SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/webp", 0.85));
}

/** Runs what may fail without harm. */
async function gently(action) {
  try {
    return await action();
  } catch {
    return null;
  }
}

/** Keeps the original of a job; the oldest goes (ids sort by time). */
export const keep = (id, picture) =>
  gently(async () => {
    if (!picture.seen) return;
    const blob = await small(picture);
    const originals = await store("readwrite");
    await done(originals.put({ blob, name: picture.name }, id));
    const ids = await done(originals.getAllKeys());
    for (const old of ids.slice(0, -MOST)) originals.delete(old);
  });

/** The original of a job, or null. */
export const recall = (id) =>
  gently(async () => {
    const kept = await done((await store("readonly")).get(id));
    return kept ? await Picture.open(kept.blob, kept.name) : null;
  });

export const forget = (id) => gently(async () => done((await store("readwrite")).delete(id)));
