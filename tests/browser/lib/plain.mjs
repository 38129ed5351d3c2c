// The plain network with two layers for digits (models/shallow-mlp.onnx), by itself: what comes out
// of the encrypted one is compared with it.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const NETWORK = fileURLToPath(new URL("../../../models/shallow-mlp.onnx", import.meta.url));

/** The scores of 784 numbers. */
export async function plainScores(input) {
  const tensors = initializers(await readFile(NETWORK));
  const layer = (input, number) => {
    const weights = tensors.get(`${number}.weight`);
    return Array.from(tensors.get(`${number}.bias`), (bias, row) => {
      const from = row * input.length;
      return input.reduce((sum, value, i) => sum + value * weights[from + i], bias);
    });
  };
  const hidden = layer(input, 1);
  return layer(
    hidden.map((value) => value * value),
    3,
  );
}

/** The numbers that a grey picture becomes, as a contract says: 784 bytes, row by row. */
export function prepared(picture, { mean, deviation }) {
  return Array.from(picture, (value) => (value / 255 - mean[0]) / deviation[0]);
}

/** The pixels of a grey picture of 28 x 28, from its file. */
export async function greyPixels(tab, file) {
  const values = await tab.evaluate(
    async (bytes) => {
      const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
      const canvas = new OffscreenCanvas(28, 28);
      const context = canvas.getContext("2d");
      context.drawImage(bitmap, 0, 0);
      return [...context.getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0);
    },
    [...file],
  );
  return Buffer.from(values);
}

/** The arrays of 32-bit numbers of an ONNX file, by name: fields of protocol buffers by number. */
function initializers(file) {
  const graph = fields(file).find(({ field }) => field === 7).value;
  const tensors = fields(graph).filter(({ field }) => field === 5);
  return new Map(
    tensors.map(({ value }) => {
      const of = (field) => fields(value).find((each) => each.field === field).value;
      const raw = Buffer.from(of(9));
      return [
        Buffer.from(of(8)).toString(),
        new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length)),
      ];
    }),
  );
}

/** The fields of a message: numbers, and bytes of what has a length. */
function fields(message) {
  const found = [];
  let at = 0;
  const varint = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = message[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const [field, type] = [tag >> 3, tag & 7];
    if (type === 0) found.push({ field, value: varint() });
    else if (type === 2) {
      const length = varint();
      found.push({ field, value: message.subarray(at, at + length) });
      at += length;
    } else at += type === 1 ? 8 : 4;
  }
  return found;
}
