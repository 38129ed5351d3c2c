// Runs in a worker: pictures that the browser decodes itself.
import { BlindsightError } from "../errors.js";
import type { Pixels } from "./messages.js";

/** Larger squares are shrunk by the browser first: the network sees far less of them. */
const MOST_SIDE = 2048;

/** Decodes a file with the browser's decoders, which know more formats. */
export async function decodedByPlatform(file: Blob | Uint8Array<ArrayBuffer>): Promise<Pixels> {
  if (typeof createImageBitmap !== "function") {
    throw unsupported("this is no picture in PNG, JPEG, WebP, BMP or GIF format");
  }
  const blob = file instanceof Blob ? file : new Blob([file]);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    throw unsupported("this is no picture that this browser can decode");
  }
  return bitmapPixels(bitmap);
}

/** The pixels of the largest centred square. The bitmap is closed. */
export function bitmapPixels(bitmap: ImageBitmap): Pixels {
  try {
    const side = Math.min(bitmap.width, bitmap.height);
    const size = Math.min(side, MOST_SIDE);
    if (side === 0) throw unsupported("the picture has no pixels");
    const context = new OffscreenCanvas(size, size).getContext("2d", { alpha: true });
    if (!context) throw unsupported("this browser cannot read the picture's pixels");
    context.imageSmoothingQuality = "high";
    const left = Math.floor((bitmap.width - side) / 2);
    const top = Math.floor((bitmap.height - side) / 2);
    context.drawImage(bitmap, left, top, side, side, 0, 0, size, size);
    const { data } = context.getImageData(0, 0, size, size);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { width: size, height: size, data: bytes };
  } finally {
    bitmap.close();
  }
}

function unsupported(message: string): BlindsightError {
  return new BlindsightError("unsupported_picture", message);
}
