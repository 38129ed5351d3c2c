import { BlindsightError } from "./errors.js";
import { sizeOf, unsupported } from "./numbers/found.js";
import type { Numbers } from "./numbers/found.js";
import { isNpy, readNpy } from "./numbers/npy.js";
import { readText } from "./numbers/text.js";
import type { ModelInfo, NumbersInput } from "./types.js";

/** Larger files are refused before they are read. */
const MOST_BYTES = 32 << 20;

/**
 * The numbers that a model reads, from text or a file. Messages name places and never values: they
 * may end in logs, and the input shall not.
 */
export async function readNumbers(
  source: NumbersInput,
  model: Pick<ModelInfo, "id" | "input">,
): Promise<Float32Array<ArrayBuffer>> {
  const { kind, channels, rows, columns, largest } = model.input;
  if (kind !== "tensor") {
    const message = `the model "${model.id}" reads pictures, not numbers`;
    throw new BlindsightError("invalid_argument", message);
  }
  const expected = [channels, rows, columns];
  const count = channels * rows * columns;
  const found = await parse(source, count);
  const size = sizeOf(found.shape);
  if (size !== count) {
    const wanted = `the model reads ${count} numbers (${expected.join(" × ")})`;
    throw unsupported(`${wanted}, but there ${size === 1 ? "is 1" : `are ${size}`}`);
  }
  if (found.shape.length > 1 && squeezed(found.shape) !== squeezed(expected)) {
    const shapes = `${found.shape.join(" × ")}, but the model reads ${expected.join(" × ")}`;
    throw unsupported(`the numbers are arranged as ${shapes}: channels, rows, columns`);
  }
  const wrong = found.values.findIndex((value) => !(Math.abs(value) <= largest));
  if (wrong >= 0) {
    const range = `between -${largest} and ${largest}`;
    throw unsupported(`number ${wrong + 1} of ${count} is not ${range}`);
  }
  return found.values;
}

async function parse(source: NumbersInput, most: number): Promise<Numbers> {
  if (typeof source === "string") return readText(limited(source, source.length), most);
  const bytes = await bytesOf(source);
  if (isNpy(bytes)) return readNpy(bytes, most);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw unsupported("the file holds neither text nor a .npy array");
  }
  return readText(text, most);
}

async function bytesOf(source: Exclude<NumbersInput, string>): Promise<Uint8Array> {
  if (source instanceof Blob) {
    return new Uint8Array(await limited(source, source.size).arrayBuffer());
  }
  if (source instanceof ArrayBuffer) return new Uint8Array(limited(source, source.byteLength));
  if (source instanceof Uint8Array) return limited(source, source.length);
  throw new BlindsightError("invalid_argument", "numbers come as text, a file or its bytes");
}

function limited<T>(source: T, length: number): T {
  if (length <= MOST_BYTES) return source;
  throw unsupported(`there are ${length} bytes of numbers; at most ${MOST_BYTES} are read`);
}

/** A shape without its ones, which change nothing. */
function squeezed(shape: readonly number[]): string {
  return shape.filter((size) => size !== 1).join(" × ");
}
