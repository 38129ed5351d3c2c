import { describe, expect, test } from "vitest";

import { BlindsightError } from "../src/errors.js";
import { readNumbers } from "../src/numbers.js";
import type { NumbersInput } from "../src/types.js";

const model = (channels: number, rows: number, columns: number) => ({
  id: "m",
  input: { kind: "tensor", channels, rows, columns, largest: 64 } as const,
});
const SMALL = model(2, 1, 3);
const read = async (source: NumbersInput, of = SMALL) => [...(await readNumbers(source, of))];
const SIX = [1, -2.5, 0.125, 64, -64, 0];

/** The sentence with which numbers are refused. */
async function refusal(source: NumbersInput, of = SMALL): Promise<string> {
  const error: unknown = await read(source, of).catch((reason: unknown) => reason);
  if (!(error instanceof BlindsightError)) throw new Error(`no refusal: ${String(error)}`);
  expect(error.code).toBe("unsupported_numbers");
  return error.message;
}

/** An array as NumPy writes it. */
function npy(
  numbers: readonly number[],
  { type = "<f4", shape = "(6,)", order = "False", version = 1 } = {},
): Uint8Array {
  const start = version === 1 ? 10 : 12;
  const plain = `{'descr': '${type}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const header = `${plain.padEnd(Math.ceil((start + plain.length + 1) / 64) * 64 - start - 1)}\n`;
  const wide = type.endsWith("8");
  const little = type.startsWith("<");
  const bytes = new Uint8Array(start + header.length + numbers.length * (wide ? 8 : 4));
  bytes.set([0x93, ...Buffer.from("NUMPY"), version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, header.length, true);
  else view.setUint32(8, header.length, true);
  bytes.set(Buffer.from(header, "latin1"), start);
  numbers.forEach((number, index) => {
    const at = start + header.length + index * (wide ? 8 : 4);
    if (wide) view.setFloat64(at, number, little);
    else view.setFloat32(at, number, little);
  });
  return bytes;
}

describe("numbers are read", () => {
  test.each<[string, NumbersInput]>([
    ["a list", "[1, -2.5, 0.125, 64, -64, 0]"],
    ["lists in lists", " [[[1, -2.5, 0.125]], [[64, -64, 0]]]\n"],
    ["lists without the sizes that are one", "[[1, -2.5, 0.125], [64, -64, 0]]"],
    ["lists with one more of them", "[[[[1, -2.5, 0.125]], [[64, -64, 0]]]]"],
    ["CSV", "1, -2.5,.125\r\n+64,-6.4e1,0.\r\n"],
    ["semicolons, blanks, all in one line", "1;-2.5 1.25E-1\t64;-64;0"],
    ["a file of text", new Blob(["1,-2.5,0.125,64,-64,0"])],
    ["a .npy of float32", npy(SIX)],
    ["a .npy of float64", npy(SIX, { type: "<f8", shape: "(2, 1, 3)" })],
    ["a .npy of the other endianness", npy(SIX, { type: ">f8", shape: "(1, 2, 3)", version: 2 })],
    ["a .npy of version 3, as a file", new Blob([new Uint8Array(npy(SIX, { version: 3 }))])],
    ["its bytes alone", new Uint8Array(npy(SIX)).buffer],
  ])("from %s", async (_name, source) => {
    expect(await read(source)).toEqual(SIX);
  });

  test("as the nearest 32-bit numbers", async () => {
    expect(await read("0.1", model(1, 1, 1))).toEqual([Math.fround(0.1)]);
  });
});

describe("numbers are refused", () => {
  test.each<[string, NumbersInput, string]>([
    ["too few", "[1, 2]", "the model reads 6 numbers (2 × 1 × 3), but there are 2"],
    ["one", "7", "the model reads 6 numbers (2 × 1 × 3), but there is 1"],
    ["none", "", "the model reads 6 numbers (2 × 1 × 3), but there are 0"],
    ["none in lists", "[[], []]", "but there are 0"],
    ["too many", "1,2,3,4,5,6,7", "but there are 7"],
    ["too many in a .npy", npy([...SIX, 1], { shape: "(7,)" }), "but there are 7"],
    [
      "channels last",
      "[[[1, 2], [3, 4], [5, 6]]]",
      "the numbers are arranged as 1 × 3 × 2, but the model reads 2 × 1 × 3",
    ],
    ["channels last in a .npy", npy(SIX, { shape: "(1, 3, 2)" }), "arranged as 1 × 3 × 2"],
    ["lists of two lengths", "[[1, 2, 3], [4, 5]]", "not all of one length"],
    ["a list among numbers", "[1, 2, 3, 4, 5, [6]]", "item 6 is no number"],
    ["a text among numbers", '[1, 2, "3", 4, 5, 6]', "item 3 is no number"],
    ["too deep", `${"[".repeat(20)}1${"]".repeat(20)}`, "too many lists"],
    ["half a list", "[1, 2, 3", "the text begins like JSON, but is none"],
    ["a head line", "a,b,c\n1,2,3", "item 1 is no number"],
    ["hexadecimal", "0x10 1 2 3 4 5", "item 1 is no number"],
    ["not a number", "1,2,NaN,4,5,6", "item 3 is no number"],
    ["too large", "1,2,3,4,5,64.5", "number 6 of 6 is not between -64 and 64"],
    ["infinite in 32 bits", "[1e300, 2, 3, 4, 5, 6]", "number 1 of 6 is not between"],
    ["no number in a .npy", npy([1, NaN, 3, 4, 5, 6]), "number 2 of 6 is not between"],
    ["a .npy of integers", npy(SIX, { type: "<i8" }), 'the type "<i8", not float32 or float64'],
    ["a .npy by columns", npy(SIX, { order: "True" }), "column by column"],
    ["a .npy without its end", npy(SIX).subarray(0, -1), "but 23 bytes follow"],
    ["a .npy without its header", npy(SIX).subarray(0, 40), "ends within its header"],
    ["a .npy of six bytes", npy(SIX).subarray(0, 6), "damaged or of an unknown version"],
    ["a .npy without a shape", npy(SIX, { shape: "(-6,)" }), "its header has no shape"],
    ["a .npy of huge sizes", npy(SIX, { shape: "(999999999, 999999999)" }), "24 bytes follow"],
    ["another file", new Uint8Array([0x89, 0x50, 0x4e, 0x47]), "neither text nor a .npy array"],
    ["too long a file", new Blob([new Uint8Array((32 << 20) + 1)]), "at most 33554432 are read"],
  ])("%s", async (_name, source, sentence) => {
    expect(await refusal(source)).toContain(sentence);
  });

  test("without a word of what they are", async () => {
    for (const text of ["[1,2,3,4,5,77.25]", "1,2,3,4,5,77.25", "1,2,3,4,5,77.25x", "[77.25 1"]) {
      expect(await refusal(text)).not.toContain("77");
    }
  });

  test("by a model that reads pictures, and where there are none", async () => {
    const photo = { id: "m", input: { ...SMALL.input, kind: "photo" } as const };
    await expect(readNumbers("1", photo)).rejects.toMatchObject({ code: "invalid_argument" });
    const nothing = readNumbers(3 as unknown as string, SMALL);
    await expect(nothing).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
