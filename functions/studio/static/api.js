/** The public API, from the page's side: retries, keys, problems. */

import { askKey } from "./dialog.js";
import { pause } from "./dom.js";
import { Problem } from "./problem.js";

const KEEP = "atelier.key";
const TRIES = 4;
const BUSY = new Set([429, 502, 503, 504]);

/** Seconds that an answer asks us to wait, if it does. */
function retryAfter(response) {
  const given = response.headers.get("retry-after");
  if (given === null) return null;
  const seconds = Number.isNaN(Number(given)) ? (Date.parse(given) - Date.now()) / 1000 : Number(given);
  return Number.isFinite(seconds) ? Math.min(60, Math.max(0, seconds)) : null;
}

const SIGNED = new Set(["url", "thumbnail_url"]);

/**
 * A front on one machine signs its addresses with the one name that it knows; whoever came by
 * another name (localhost, the machine's address in the house) reaches it by that one.
 */
function reach(address) {
  const url = URL.canParse(address) ? new URL(address) : null;
  const ours = url?.protocol === "http:" && location.protocol === "http:" && url.port === location.port;
  return ours ? new URL(url.pathname + url.search, location.origin).href : address;
}

/** An answer's JSON with addresses that can be reached from here; null where it has none. */
async function read(response) {
  const text = await response.text();
  try {
    return JSON.parse(text, (name, value) => (SIGNED.has(name) && typeof value === "string" ? reach(value) : value));
  } catch {
    return null;
  }
}

export class Api {
  #asking = null;

  /**
   * @param {string} method
   * @param {string} path below `/v1/`
   * @param {{body?: object, etag?: string|null, key?: string, signal?: AbortSignal}} [options]
   * @returns {Promise<{status: number, body: any, etag: string|null, retryAfter: number|null}>}
   */
  async request(method, path, options = {}) {
    const response = await this.#persist(method, path, options);
    if (!response.ok && response.status !== 304) throw await Problem.from(response);
    return {
      status: response.status,
      body: await read(response),
      etag: response.headers.get("etag"),
      retryAfter: retryAfter(response),
    };
  }

  get = (path, options) => this.request("GET", path, options);
  post = (path, options) => this.request("POST", path, options);
  delete = (path, options) => this.request("DELETE", path, options);

  /** Sends until there is an answer that means something. Every call of ours may be repeated. */
  async #persist(method, path, options) {
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#send(method, path, options).catch((error) => {
        if (!(error instanceof TypeError)) throw error;
        if (attempt === TRIES) throw new Problem({ code: "network" });
      });
      if (response?.status === 401) {
        if (!(await this.#unlock(sessionStorage.getItem(KEEP)))) return response;
        attempt -= 1;
      } else if (response && (!BUSY.has(response.status) || attempt === TRIES)) return response;
      else await pause((response && retryAfter(response)) ?? 0.4 * 2 ** attempt, options.signal);
    }
  }

  #send(method, path, { body, etag, key, signal }) {
    const secret = sessionStorage.getItem(KEEP);
    const headers = {
      accept: "application/json",
      ...(body && { "content-type": "application/json" }),
      ...(etag && { "if-none-match": etag }),
      ...(key && { "idempotency-key": key }),
      ...(secret && { authorization: `Bearer ${secret}` }),
    };
    const url = new URL(`v1/${path}`, document.baseURI);
    return fetch(url, { method, headers, signal, cache: "no-store", body: body && JSON.stringify(body) });
  }

  /** Asks for a key, once for all calls that wait for one. */
  #unlock(tried) {
    this.#asking ??= askKey(Boolean(tried)).then((key) => {
      this.#asking = null;
      if (key) sessionStorage.setItem(KEEP, key);
      return key;
    });
    return this.#asking;
  }
}

/** Sends bytes to storage with the ticket's own headers; tells the share that is sent. */
export async function put(ticket, blob, { onprogress, signal }) {
  for (let attempt = 1; ; attempt += 1) {
    const status = await putOnce(ticket, blob, onprogress, signal);
    if (status >= 200 && status < 300) return;
    // Written once only: after a lost answer, 409 or 412 says that the bytes are there.
    if (attempt > 1 && (status === 409 || status === 412)) return;
    if (attempt === TRIES || (status && status < 500)) throw new Problem({ code: "upload_failed", status });
    await pause(0.4 * 2 ** attempt, signal);
  }
}

const NOT_OURS = new Set(["content-length", "host"]);

/** One try; resolves with the HTTP status, 0 where there was none. (`fetch` tells no progress.) */
function putOnce({ method, url, headers }, blob, onprogress, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open(method, new URL(url, document.baseURI));
    for (const [name, value] of Object.entries(headers)) {
      if (!NOT_OURS.has(name.toLowerCase())) request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => event.total && onprogress?.(event.loaded / event.total);
    request.onload = () => resolve(request.status);
    request.onerror = () => resolve(0);
    request.onabort = () => reject(signal.reason);
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(blob);
  });
}
