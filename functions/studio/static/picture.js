/** A picture that a person chose: checked, with its size and an address to show it by. */

import { Problem } from "./problem.js";

const MAX_BYTES = 100 * 2 ** 20;
/** Kinds that the studio takes although most browsers cannot show them. */
const UNSEEN = new Set(["image/tiff", "image/avif"]);

const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

/** What the first bytes say that it is, whatever its name; null for what the studio cannot read. */
function sniff(bytes) {
  if (text(bytes, 0, 3) === "\xff\xd8\xff") return "image/jpeg";
  if (text(bytes, 0, 4) === "\x89PNG") return "image/png";
  if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 12) === "WEBP") return "image/webp";
  if (text(bytes, 0, 4) === "GIF8") return "image/gif";
  if (text(bytes, 0, 2) === "BM") return "image/bmp";
  if (["II*\0", "MM\0*"].includes(text(bytes, 0, 4))) return "image/tiff";
  if (["ftypavif", "ftypavis"].includes(text(bytes, 4, 12))) return "image/avif";
  return null;
}

/** The picture's size as it is shown, upright; null where the browser cannot show it. */
async function measure(url) {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
    return { width: image.naturalWidth || 1024, height: image.naturalHeight || 1024, image };
  } catch {
    return null;
  }
}

/** A kind that only the browser can read (SVG, on some phones HEIC), as a PNG. */
function redrawn({ image, width, height }) {
  const scale = Math.min(1, 4096 / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

export class Picture {
  constructor(blob, type, name, url, size) {
    Object.assign(this, { blob, type, name, url, seen: Boolean(size), width: size?.width, height: size?.height });
  }

  /** Takes a file, or throws a `Problem` that says why it cannot be used. */
  static async open(file, name = file.name || "") {
    if (file.size > MAX_BYTES) throw new Problem({ code: "file_too_large" });
    if (!file.size) throw new Problem({ code: "image_empty" });
    const type = sniff(new Uint8Array(await file.slice(0, 16).arrayBuffer()));
    const url = URL.createObjectURL(file);
    const size = await measure(url);
    if (size && !type) return Picture.open(await redrawn(size), name);
    if (size || UNSEEN.has(type)) return new Picture(file, type, name, url, size);
    URL.revokeObjectURL(url);
    throw new Problem({ code: type || !file.type.startsWith("image/hei") ? "image_unreadable" : "image_unsupported" });
  }

  /** The name without its ending, for a label. */
  get title() {
    return this.name.replace(/\.[^.]{1,5}$/, "");
  }
}
