import type { Model } from "./contracts.js";
import { BlindsightError } from "./errors.js";
import type { WorkerPool } from "./pool.js";
import type { PictureInput } from "./types.js";
import type { ContractBytes, Prepared } from "./worker/messages.js";

/** Rows of the square that is shown to people. */
const PREVIEW_SIDE = 512;
/** Larger files are refused before they are read. */
const MOST_FILE_BYTES = 32 << 20;

/** Turns any accepted input into what the network reads. */
export async function preparePicture(
  pool: WorkerPool,
  { contract, info }: Model,
  input: PictureInput,
  signal: AbortSignal,
): Promise<Prepared> {
  const { kind, rows, columns } = info.input;
  if (kind === "tensor") {
    const message = `the model "${info.id}" reads numbers, not pictures: use \`run\``;
    throw new BlindsightError("invalid_argument", message);
  }
  const mostSide = PREVIEW_SIDE;
  if (input instanceof ArrayBuffer)
    return prepareFile(pool, contract, new Uint8Array(input), signal);
  if (input instanceof Uint8Array) {
    const bytes = new Uint8Array(input);
    if (bytes.length !== 3 * rows * columns) {
      const prepared = prepareFile(pool, contract, bytes, signal);
      return prepared.finally(() => bytes.fill(0));
    }
    return { pixels: bytes, side: rows, rgba: opaque(bytes) };
  }
  if (input instanceof Blob) return prepareFile(pool, contract, input, signal);
  if (isPixels(input)) {
    const { width, height } = input;
    const data = new Uint8Array(input.data);
    const transfer = [data.buffer];
    const pixels = { width, height, data };
    return pool.run("preparePixels", { contract, pixels, mostSide }, { signal, transfer });
  }
  const bitmap = await bitmapOf(input);
  const task = { contract, bitmap, mostSide };
  return pool.run("prepareBitmap", task, { signal, transfer: [bitmap] });
}

/** Decodes as the native client does; the browser's decoders help out where that fails. */
async function prepareFile(
  pool: WorkerPool,
  contract: ContractBytes,
  file: Blob | Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Prepared> {
  const bytes = file instanceof Blob ? file.size : file.length;
  if (bytes > MOST_FILE_BYTES) {
    const message = `the picture file has ${bytes} bytes; at most ${MOST_FILE_BYTES} are accepted`;
    throw new BlindsightError("picture_too_large", message);
  }
  const input = { contract, file, mostSide: PREVIEW_SIDE, platform: false };
  try {
    return await pool.run("prepareFile", input, { signal });
  } catch (error) {
    if (!mayHelp(error)) throw error;
    try {
      return await pool.run("prepareFile", { ...input, platform: true }, { signal });
    } catch (second) {
      if (second instanceof BlindsightError && second.code === "aborted") throw second;
      // The first refusal says more, unless it was a crash for want of memory.
      throw error.code === "worker_failed" ? tooLarge(error) : error;
    }
  }
}

function mayHelp(error: unknown): error is BlindsightError {
  if (!(error instanceof BlindsightError)) return false;
  return ["unsupported_picture", "picture_too_large", "worker_failed"].includes(error.code);
}

function tooLarge(cause: unknown): BlindsightError {
  const message = "the picture is too large or too damaged to decode";
  return new BlindsightError("picture_too_large", message, { cause });
}

/** `ImageData`, or what looks like it: Node has no such class. */
function isPixels(input: object): input is ImageData {
  const { data, width, height } = input as Partial<ImageData>;
  return data instanceof Uint8ClampedArray && Number.isInteger(width) && Number.isInteger(height);
}

async function bitmapOf(input: Exclude<PictureInput, Blob | ArrayBuffer | Uint8Array>) {
  if (typeof createImageBitmap !== "function") {
    throw new BlindsightError("invalid_argument", "this is no picture");
  }
  try {
    // A copy: the caller keeps what it has.
    return await createImageBitmap(input);
  } catch (cause) {
    const message = "this picture has no pixels to read: is it loaded, and from this origin?";
    throw new BlindsightError("unsupported_picture", message, { cause });
  }
}

function opaque(rgb: Uint8Array): Uint8Array<ArrayBuffer> {
  const rgba = new Uint8Array((rgb.length / 3) * 4).fill(255);
  for (let pixel = 0; pixel * 3 < rgb.length; pixel += 1) {
    rgba.set(rgb.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
  }
  return rgba;
}
