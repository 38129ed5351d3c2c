// Secrets in the memory of the real module: there while they are needed, and not a moment longer.
import { afterEach, describe, expect, test, vi } from "vitest";

import { readFileSync } from "node:fs";

import {
  ClientKeys,
  Contract,
  initSync,
  versions,
  wipeStack,
} from "../dist/wasm/blindsight_wasm.js";
import { Handler } from "../dist/worker/handler.js";
import type { Description } from "../src/generated.js";
import type { Prepared, TaskMessage } from "../src/worker/messages.js";
import { labelAlone } from "./label-contract.js";
import {
  hits,
  openAnswer,
  pieces,
  sealed,
  secretWindows,
  secretsOf,
  sparsePieces,
} from "./linear-memory.js";

const file = (path: string) => readFileSync(new URL(path, import.meta.url));
const instance = initSync({ module: file("../dist/wasm/blindsight_wasm_bg.wasm") });
const { memory } = instance;

const contractBytes = new Uint8Array(file("../../../crates/contract/tests/sample.json"));
const contract = Contract.parse(contractBytes);
const said = contract.describe() as Description;
const { keyGeneration } = versions() as { keyGeneration: number };

const seed = new Uint8Array(32).map((_, index) => (index * 151 + 77) % 256);
const secrets = secretsOf(seed, said, keyGeneration);
const inMemory = () => secretWindows(memory, secrets.dense);
const sparse = { sparse: sparsePieces(secrets.sparse) };

/** Pixels without any pattern. */
const picture = new Uint8Array(3072).map((_, index) => (index * index * 31 + index * 17) % 251);
/** The same as numbers, and those in the slots. */
const numbers = new Float32Array(3072).map((_, index) => Math.sin(index + 1) * 3);

/** Looks at the memory in the moment when the platform is called from inside. */
function during<T>(look: () => T): { seen: T[] } {
  const seen: T[] = [];
  const platform = crypto.getRandomValues.bind(crypto);
  vi.spyOn(crypto, "getRandomValues").mockImplementation((array) => {
    seen.push(look());
    return platform(array);
  });
  return { seen };
}

const handler = new Handler(() => Promise.resolve(instance));
let next = 1;
async function run<T>(task: TaskMessage["task"], input: object): Promise<T> {
  const message = { id: next++, task, input: { contract: own, ...input } } as TaskMessage;
  const { reply } = await handler.handle(message);
  if (!reply.ok) throw new Error(reply.message);
  return reply.output as T;
}
const own = { sha256: said.sha256, bytes: contractBytes };

afterEach(() => vi.restoreAllMocks());

describe("the memory of the module", { timeout: 120_000 }, () => {
  test("holds the secret until it is freed, and nothing of it then", async () => {
    const secret = await sealed(seed, said);
    const keys = await ClientKeys.open(contract, secret.sealed, secret.key);
    // The search finds what is there.
    expect(inMemory()).toBeGreaterThan(30_000);
    expect(hits(memory, sparse).sparse).toBeGreaterThan(20);
    // What every further stream is derived from is kept as well.
    const root = { root: secrets.keys.slice(0, 1) };
    expect(hits(memory, root).root).toBeGreaterThan(0);
    keys.evaluationKey(contract, 0);
    keys.free();
    wipeStack();
    expect(inMemory()).toBe(0);
    expect(hits(memory, { ...sparse, ...root })).toEqual({ sparse: 0, root: 0 });
  });

  test("holds the seed while keys are derived, and nothing of it or its streams then", async () => {
    const secret = await sealed(seed, said);
    const needles = {
      seed: pieces(seed, 8),
      streams: secrets.keys.flatMap((key) => pieces(key, 8)),
    };
    const found: number[] = [];
    // The module overwrites the platform's copy when it has made its own.
    const fill = vi.spyOn(Uint8Array.prototype, "fill").mockImplementation(function (
      this: Uint8Array,
      ...args
    ) {
      fill.mockRestore();
      found.push(hits(memory, needles).seed ?? 0);
      return this.fill(...args);
    });
    await run("checkSecret", { secret });
    expect(found[0]).toBeGreaterThanOrEqual(4);
    expect(hits(memory, needles)).toEqual({ seed: 0, streams: 0 });
    expect(inMemory()).toBe(0);
  });

  test("holds nothing of secrets when keys for the label alone are made, or one is read", async () => {
    const secret = await sealed(seed, said);
    const label = JSON.parse(new TextDecoder().decode(contractBytes));
    labelAlone(label);
    const bytes = new TextEncoder().encode(JSON.stringify(label));
    const contract = { sha256: "of the label", bytes };
    const { keys } = await run<Description>("describe", { contract });
    const needles = { ...sparse, seed: pieces(seed, 8) };
    for (let place = said.keys.length; place < keys.length; place += 1) {
      await run("evaluationKey", { contract, secret, place });
    }
    const answer = new Uint8Array(10);
    await expect(run("decryptLabel", { contract, secret, answer })).rejects.toThrow();
    expect(hits(memory, needles)).toEqual({ sparse: 0, seed: 0 });
    expect(inMemory()).toBe(0);
  });

  test("holds a picture while it is encrypted, and nothing of it then", async () => {
    const secret = await sealed(seed, said);
    const needles = { pixels: pieces(picture, 16), values: pieces(normalised(picture), 16) };
    const slots = pieces(Float64Array.from(normalised(picture)), 8);
    const { seen } = during(() => hits(memory, needles).pixels ?? 0);
    const given = picture.slice();
    await run("encryptPicture", { secret, pixels: given });
    expect(Math.max(...seen)).toBeGreaterThanOrEqual(192);
    expect(hits(memory, { ...needles, slots })).toEqual({ pixels: 0, values: 0, slots: 0 });
    expect(inMemory()).toBe(0);
    expect(given).toEqual(new Uint8Array(3072));
  });

  test("holds numbers while they are encrypted, and nothing of them then", async () => {
    const secret = await sealed(seed, said);
    const tensor = JSON.parse(new TextDecoder().decode(contractBytes));
    tensor.input.preparation = { kind: "tensor" };
    const bytes = new TextEncoder().encode(JSON.stringify(tensor));
    const needles = { values: pieces(numbers, 16) };
    const slots = pieces(Float64Array.from(numbers), 8);
    const { seen } = during(() => hits(memory, needles).values ?? 0);
    const given = numbers.slice();
    await run("encryptValues", { contract: { sha256: "", bytes }, secret, values: given });
    expect(Math.max(...seen)).toBeGreaterThanOrEqual(768);
    expect(hits(memory, { ...needles, slots })).toEqual({ values: 0, slots: 0 });
    expect(given).toEqual(new Float32Array(3072));
  });

  test("holds scores while they are handed out, and nothing of them then", async () => {
    const secret = await sealed(seed, said);
    const coefficients = Array.from(
      { length: 32 },
      (_, index) => (index * 130_363 + 9_973) % 2 ** 21,
    );
    const answer = openAnswer(said, coefficients, 131_072);
    const slice = vi.spyOn(Float64Array.prototype, "slice");
    let before = 0;
    slice.mockImplementation(function (this: Float64Array, ...args) {
      slice.mockRestore();
      before = hits(memory, { scores: pieces(this.slice(), 8) }).scores ?? 0;
      return this.slice(...args);
    });
    const scores = await run<number[]>("decrypt", { secret, answer });
    expect(before).toBeGreaterThanOrEqual(10);
    const values = Float64Array.from(scores);
    const slots = values.map((score) => score / 12.5);
    const phases = Float64Array.from(coefficients, (each) => each / 131_072);
    const needles = {
      scores: pieces(values, 8),
      slots: pieces(slots, 8),
      phases: pieces(phases, 8),
    };
    expect(hits(memory, needles)).toEqual({ scores: 0, slots: 0, phases: 0 });
    expect(inMemory()).toBe(0);
  });

  test("holds nothing of a decoded picture", async () => {
    const cat = new Uint8Array(file("../../../samples/03-cat-0.png"));
    const prepared = await run<Prepared>("prepareFile", {
      file: cat.slice(),
      mostSide: 512,
      platform: false,
    });
    const needles = {
      file: pieces(cat.subarray(64), 32),
      pixels: pieces(prepared.pixels, 16),
      square: pieces(prepared.rgba, 16),
    };
    // Planted, they would be found.
    const heap = new Uint8Array(memory.buffer);
    const spare = heap.length - 32;
    expect(heap.subarray(spare).every((byte) => byte === 0)).toBe(true);
    heap.set(prepared.pixels.subarray(0, 16), spare);
    expect(hits(memory, needles).pixels).toBeGreaterThan(0);
    heap.fill(0, spare);
    expect(hits(memory, needles)).toEqual({ file: 0, pixels: 0, square: 0 });
  });

  test("is all zero when the worker was told to wipe it, and serves nobody then", async () => {
    const secret = await sealed(seed, said);
    const task = { id: next++, task: "evaluationKey", input: { contract: own, secret, place: 3 } };
    // It is under way when the message comes: its worker shall not write afterwards.
    const working = handler.handle(task as TaskMessage);
    const wiping = handler.handle({ id: 0, task: "wipe", input: {} });
    expect((await working).reply.ok).toBe(true);
    expect((await wiping).reply).toEqual({ id: 0, ok: true, output: true });
    const all = Buffer.from(memory.buffer);
    expect(all.length).toBeGreaterThan(1 << 20);
    expect(all.equals(Buffer.alloc(all.length))).toBe(true);
    await expect(run("checkSecret", { secret })).rejects.toThrow("wiped");
  });
});

/** What the network reads of a picture, in the order of the model's channels. */
function normalised(rgb: Uint8Array): Float32Array {
  const { fround } = Math;
  const [mean, deviation] = [
    [0.4914, 0.4822, 0.4465],
    [0.247, 0.2435, 0.2616],
  ];
  return Float32Array.from({ length: 3072 }, (_, at) => {
    const [channel, pixel] = [Math.floor(at / 1024), at % 1024];
    const level = fround((rgb[3 * pixel + channel] ?? 0) / 255);
    const shifted = fround(level - fround(mean?.[channel] ?? 0));
    return fround(shifted / fround(deviation?.[channel] ?? 1));
  });
}
