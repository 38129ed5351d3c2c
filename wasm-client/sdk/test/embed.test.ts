import { describe, expect, test } from "vitest";

import { BlindsightError } from "../src/errors.js";
import type { InputDescription } from "../src/generated.js";
import { fakeModel } from "./fake-platform.js";
import { PICTURE, code, freshScene } from "./scene.js";

const fresh = freshScene();
const TENSOR: InputDescription = { kind: "tensor", shape: [2, 1, 2], largest: 64 };
const ENCODER = fakeModel("encoder", "ab", {
  classes: [],
  features: 4,
  answer: "features",
  input: TENSOR,
});
const BATCH = fakeModel("batch", "bc", { inputs: 3, input: TENSOR });
const ONE = fakeModel("one-by-one", "cd", { input: TENSOR });
const GREY = fakeModel("grey-batch", "de", { inputs: 2 });

const numbers = (...values: number[]) => Float32Array.from(values);

async function connected() {
  const scene = fresh();
  scene.server.models.push(ENCODER, BATCH, ONE, GREY);
  const client = await scene.connect();
  return { scene, client };
}

/** What the error says, and of which input. */
async function blame(work: Promise<unknown>): Promise<[string, number | undefined]> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (error instanceof BlindsightError) return [error.code, error.index];
  throw new Error("no refusal");
}

describe("an encoder", () => {
  test("gives features, and no label", async () => {
    const { client } = await connected();
    const model = "encoder";
    const info = client.models.find(({ id }) => id === model);
    expect([info?.features, info?.classes.length]).toEqual([4, 0]);
    const keys = await client.keys({ model });
    const features = await client.embed(numbers(1, 2, 3, 4), { keys });
    expect(features).toEqual(numbers(0, 0, 0, 1));
    const input = numbers(1, 2, 3, 4);
    expect(await code(client.classify(input, { keys }))).toBe("invalid_argument");
    expect(await code(client.classifyBatch([input], { keys }))).toBe("invalid_argument");
  });

  test("is not what a classifier is", async () => {
    const { client, scene } = await connected();
    const keys = await client.keys();
    expect(client.models[0]).toMatchObject({ features: null, inputs: 1 });
    expect(await code(client.embed(PICTURE, { keys }))).toBe("invalid_argument");
    expect(scene.server.jobs.size).toBe(0);
  });
});

describe("a batch", () => {
  test("is one request, where the model takes batches", async () => {
    const { client, scene } = await connected();
    const keys = await client.keys({ model: "batch" });
    const inputs = [numbers(1, 1, 1, 1), numbers(2, 2, 2, 2)];
    const { results, requests, bytes } = await client.classifyBatch(inputs, { keys });
    expect([results.length, requests, scene.server.jobs.size]).toEqual([2, 1, 1]);
    expect(bytes).toEqual({ request: 40, response: 100 });
    expect(scene.workers.encrypted).toEqual([[1, 1, 1, 1, 2, 2, 2, 2]]);
    // Each has its own part of the answer.
    expect(results.map((result) => result.class)).toEqual([3, 3]);
    expect(results.every(({ scores }) => scores.length === 10)).toBe(true);
    // One input alone still has its label.
    expect((await client.classify(numbers(1, 1, 1, 1), { keys })).class).toBe(3);
  });

  test("of pictures is one request as well", async () => {
    const { client, scene } = await connected();
    const keys = await client.keys({ model: "grey-batch" });
    const { results } = await client.classifyBatch([PICTURE, PICTURE], { keys });
    expect(results).toHaveLength(2);
    expect(scene.workers.encrypted.map((pixels) => pixels.length)).toEqual([2 * 3072]);
  });

  test("is one request after another for other models", async () => {
    const { client, scene } = await connected();
    const keys = await client.keys({ model: "one-by-one" });
    const inputs = [1, 2, 3].map((x) => numbers(x, x, x, x));
    const { results, requests, bytes } = await client.classifyBatch(inputs, { keys });
    expect([results.length, requests, scene.server.jobs.size]).toEqual([3, 3, 3]);
    expect(bytes).toEqual({ request: 120, response: 300 });
    expect(scene.workers.encrypted).toEqual(inputs.map((input) => [...input]));
  });

  test("that makes no sense is refused, with the input that is to blame", async () => {
    const { client, scene } = await connected();
    for (const model of ["batch", "one-by-one"]) {
      const keys = await client.keys({ model });
      const good = numbers(1, 1, 1, 1);
      const batch = (inputs: unknown) => blame(client.classifyBatch(inputs as [], { keys }));
      expect(await batch([])).toEqual(["invalid_argument", undefined]);
      expect(await batch("inputs")).toEqual(["invalid_argument", undefined]);
      const many = Array.from({ length: 1001 }, () => good);
      expect(await batch(many)).toEqual(["invalid_argument", undefined]);
      expect(await batch([good, numbers(1, 1, 1)])).toEqual(["invalid_argument", 1]);
      expect(await batch([good, good, numbers(1, 1, NaN, 1)])).toEqual(["invalid_argument", 2]);
      expect(await batch([numbers(1, 1, 65, 1)])).toEqual(["invalid_argument", 0]);
      expect(await batch([good, PICTURE])).toEqual(["invalid_argument", 1]);
    }
    const keys = await client.keys({ model: "grey-batch" });
    const wrong = [PICTURE, "no picture" as unknown as Uint8Array];
    expect(await blame(client.classifyBatch(wrong, { keys }))).toEqual(["invalid_argument", 1]);
    expect(scene.server.jobs.size).toBe(0);
  });
});
