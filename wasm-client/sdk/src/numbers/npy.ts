// NumPy's file format, as numpy.lib.format describes it: versions 1 to 3.
import { sizeOf, unsupported } from "./found.js";
import type { Numbers } from "./found.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Dimensions of an array, at most: as many as NumPy itself had for long. */
const MOST_DIMENSIONS = 32;

/** Whether bytes begin as such a file does. */
export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/** The array of a file, at most so many of its numbers. */
export function readNpy(bytes: Uint8Array, most: number): Numbers {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { header, data } = split(bytes, view);
  const type = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1] ?? "no simple type";
  const format = /^([<>])f([48])$/.exec(type);
  if (!format)
    throw unsupported(`the .npy array has the type ${shown(type)}, not float32 or float64`);
  if (!/'fortran_order'\s*:\s*False/.test(header)) {
    throw unsupported("the .npy array lies column by column; save it with numpy.ascontiguousarray");
  }
  const shape = shapeOf(header);
  const count = sizeOf(shape);
  const width = Number(format[2]);
  const length = bytes.length - data;
  if (length !== count * width) {
    const message = `its header says ${count} numbers of ${width} bytes, but ${length} bytes follow`;
    throw unsupported(`the .npy file is damaged: ${message}`);
  }
  const little = format[1] === "<";
  const values = new Float32Array(most);
  for (let index = 0; index < Math.min(count, most); index += 1) {
    const at = data + width * index;
    values[index] = width === 4 ? view.getFloat32(at, little) : view.getFloat64(at, little);
  }
  return { values, shape };
}

/** The header, and where the numbers begin. */
function split(bytes: Uint8Array, view: DataView): { header: string; data: number } {
  const version = bytes[6] ?? 0;
  const begin = version === 1 ? 10 : 12;
  if (version < 1 || version > 3 || bytes.length < begin) {
    throw unsupported("the .npy file is damaged or of an unknown version");
  }
  const data = begin + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (data > bytes.length) throw unsupported("the .npy file ends within its header");
  return { header: new TextDecoder("latin1").decode(bytes.subarray(begin, data)), data };
}

function shapeOf(header: string): number[] {
  const found = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  const sizes = found?.split(",").map((size) => size.trim());
  // `(3,)` has a comma after its last size, `()` has no size at all.
  if (sizes?.at(-1) === "") sizes.pop();
  if (!sizes || sizes.length > MOST_DIMENSIONS || !sizes.every((size) => /^\d{1,9}$/.test(size))) {
    throw unsupported("the .npy file is damaged: its header has no shape");
  }
  return sizes.map(Number);
}

/** A word of a file's header for a message: not longer than any that NumPy writes. */
function shown(type: string): string {
  return JSON.stringify(type.slice(0, 16));
}
