import { describe, expect, expectTypeOf, test } from "vitest";

import type { RunResult } from "../src/types.js";
import { fakeModel, labelOf } from "./fake-platform.js";
import { PICTURE, code, freshScene } from "./scene.js";

const fresh = freshScene();

/** Names of its own for each scene: what is known of a contract is known by its hash. */
let names = 0;
const unused = (what: string) => `${what}-${(names += 1)}`;

/** A server with a model, and its label alone for further keys. */
function offering() {
  const scene = fresh();
  const model = fakeModel(unused("model"), "abc");
  const label = labelOf(model, "xyz");
  scene.server.models = [model, label];
  return { scene, model, label, id: model.description.id, labelId: label.description.id };
}

describe("the label alone", () => {
  test("is asked for by the model's name, and comes without scores", async () => {
    const { scene, id, labelId } = offering();
    const client = await scene.connect();
    expect(client.models).toMatchObject([
      { id, of: id, answer: "scores" },
      { id: labelId, of: id, answer: "label" },
    ]);
    const keys = await client.keys({ model: id, answer: "label" });
    const result = await client.classify(PICTURE, { keys, model: id, answer: "label" });
    expectTypeOf(result).toEqualTypeOf<
      { label: string; class: number } & Omit<RunResult, "values">
    >();
    expect(result).toMatchObject({ label: "class 3", class: 3, bytes: { request: 40 } });
    expect(Object.keys(result).sort()).toEqual(["bytes", "class", "label", "seconds"]);
    expect([...scene.server.jobs.values()].map((job) => job.model)).toEqual([labelId]);
    expect(scene.workers.decrypted).toEqual(["decryptLabel"]);
  });

  test("needs the keys that the scores do not, and no others", async () => {
    const { scene, model, id } = offering();
    const client = await scene.connect();
    const before = await client.missingKeys({ model: id, answer: "label" });
    expect(before.count).toBe(6);
    const keys = await client.keys({ model: id });
    const answer = "label" as const;
    expect(await code(client.classify(PICTURE, { keys, answer }))).toBe("invalid_argument");
    expect(scene.server.jobs.size).toBe(0);
    const missing = await client.missingKeys({ answer });
    expect(missing.count).toBe(3);
    expect(await client.storedKeys({ answer })).toMatchObject({ complete: false });
    const more = await client.keys({ answer });
    expect([more.sent, more.model]).toEqual([missing.bytes, `${id}.label`]);
    expect(await client.storedKeys({ answer })).toMatchObject({ complete: true });
    // Every handle of the scheme does for both.
    expect((await client.classify(PICTURE, { keys, answer })).class).toBe(3);
    expect((await client.classify(PICTURE, { keys })).scores).toHaveLength(10);
    expect(model.description.keys).toHaveLength(3);
  });

  test("of several inputs is one request after another", async () => {
    const { scene } = offering();
    const client = await scene.connect();
    const answer = "label" as const;
    const keys = await client.keys({ answer });
    const { results, requests } = await client.classifyBatch([PICTURE, PICTURE], { keys, answer });
    expect(results).toEqual([
      { label: "class 3", class: 3 },
      { label: "class 3", class: 3 },
    ]);
    expect([requests, scene.server.jobs.size]).toEqual([2, 2]);
  });

  test("is decrypted as such, and nothing else is", async () => {
    const { scene, id, labelId } = offering();
    const client = await scene.connect();
    const keys = await client.keys({ answer: "label" });
    const answer = new Uint8Array(100);
    expect(await client.decrypt(answer, { keys, answer: "label" })).toEqual({
      label: "class 3",
      class: 3,
    });
    expect(await code(client.decrypt(answer, { keys }))).toBe("answer_unavailable");
    expect((await client.decrypt(answer, { keys, model: id })).scores).toHaveLength(10);
    const request = await client.encrypt(PICTURE, { keys, model: id, answer: "label" });
    expect(request).toHaveLength(40);
    expect(client.contract({ model: labelId })).toEqual(client.contract({ answer: "label" }));
    for (const wrong of [-1, 10, 0.5, NaN]) {
      scene.workers.label = wrong;
      expect(await code(client.decrypt(answer, { keys, answer: "label" }))).toBe("bad_answer");
    }
  });

  test("is never given to who wants scores or values", async () => {
    const { scene, labelId } = offering();
    const client = await scene.connect();
    const keys = await client.keys({ model: labelId });
    expect(keys.model).toBe(labelId);
    const scores = "scores" as const;
    expect(await code(client.classify(PICTURE, { keys }))).toBe("answer_unavailable");
    expect(await code(client.classify(PICTURE, { keys, answer: scores }))).toBe(
      "answer_unavailable",
    );
    expect(await code(client.classifyBatch([PICTURE], { keys }))).toBe("answer_unavailable");
    expect(await code(client.run(new Float32Array(3072), { keys }))).toBe("answer_unavailable");
    expect(await code(client.embed(PICTURE, { keys }))).toBe("invalid_argument");
    const nonsense = "everything" as unknown as "label";
    expect(await code(client.classify(PICTURE, { keys, answer: nonsense }))).toBe(
      "invalid_argument",
    );
    expect(scene.server.jobs.size).toBe(0);
  });
});

describe("a label that leads", () => {
  test("is a class, or that nobody is sure", async () => {
    const { scene, model, id } = offering();
    const leads = labelOf(model, "xyz", { id: `${id}.lead`, answer: "label_with_lead" });
    scene.server.models.push(leads);
    const client = await scene.connect();
    const answer = "label_with_lead" as const;
    const keys = await client.keys({ answer });
    const result = await client.classify(PICTURE, { keys, answer });
    expectTypeOf(result).toEqualTypeOf<
      { label: string | null; class: number | null } & Omit<RunResult, "values">
    >();
    expect(result).toMatchObject({ label: "class 3", class: 3 });
    scene.workers.label = undefined;
    expect(await client.classify(PICTURE, { keys, answer })).toMatchObject({
      label: null,
      class: null,
    });
    // Of a label alone, that is no answer.
    const alone = client.classify(PICTURE, { keys, answer: "label" });
    expect(await code(alone)).toBe("bad_answer");
    expect([...scene.server.jobs.values()].map((job) => job.model)[0]).toBe(`${id}.lead`);
  });

  test("is offered by few servers", async () => {
    const { scene } = offering();
    const client = await scene.connect();
    expect(await code(client.keys({ answer: "label_with_lead" }))).toBe("answer_unavailable");
  });
});

describe("a model without it", () => {
  test("says so, with a code", async () => {
    const scene = fresh();
    const encoder = fakeModel(unused("encoder"), "ab", {
      classes: [],
      features: 4,
      answer: "features",
    });
    scene.server.models.push(encoder);
    const client = await scene.connect();
    const answer = "label" as const;
    const keys = await client.keys();
    for (const work of [
      client.keys({ answer }),
      client.missingKeys({ answer }),
      client.classify(PICTURE, { keys, answer }),
      client.classifyBatch([PICTURE], { keys, answer }),
      client.embed(PICTURE, { keys, ...{ answer } }),
    ]) {
      expect(await code(work)).toBe("answer_unavailable");
    }
    const model = encoder.description.id;
    expect(await code(client.classify(PICTURE, { keys, model, answer }))).toBe("invalid_argument");
    expect(await code(client.embed(PICTURE, { keys, model, ...{ answer } }))).toBe(
      "invalid_argument",
    );
    expect(await code(client.keys({ model: "none", answer }))).toBe("invalid_argument");
    expect(scene.server.jobs.size).toBe(0);
  });
});

describe("an owner who withholds the scores", () => {
  test("gives the label under the model's own name", async () => {
    const { scene, label, id } = offering();
    scene.server.models = [label];
    const client = await scene.connect();
    expect(client.models.map(({ answer, of }) => [answer, of])).toEqual([["label", id]]);
    for (const choice of [{}, { model: id }, { answer: "label" as const }]) {
      const keys = await client.keys(choice);
      expect(await code(client.classify(PICTURE, { keys, ...{ model: id } }))).toBe(
        "answer_unavailable",
      );
      const result = await client.classify(PICTURE, { keys, model: id, answer: "label" });
      expect(result.label).toBe("class 3");
    }
  });

  test("who changes the mind later refuses with a code of the server", async () => {
    const { scene, label } = offering();
    const client = await scene.connect();
    const keys = await client.keys();
    scene.server.models = [label];
    await expect(client.classify(PICTURE, { keys })).rejects.toMatchObject({
      code: "request_refused",
      serverCode: "scores_withheld",
    });
  });
});

describe("a server that lies", () => {
  test("about what a model answers, or of which it is the label, is not believed", async () => {
    const lies: [at: 0 | 1, lie: object][] = [
      [0, { answer: "label" }],
      [1, { answer: "scores" }],
      [1, { answer: "scores", of: "SELF" }],
      [1, { answer: "features", of: "SELF" }],
      [1, { of: "SELF" }],
      [1, { of: "another" }],
    ];
    for (const [at, change] of lies) {
      const { scene, id, labelId } = offering();
      scene.server.models.push(fakeModel(unused("another"), "a"));
      const liar = at === 0 ? id : labelId;
      const text = JSON.stringify(change).replace("SELF", labelId);
      scene.server.lie = (entry: { id: string }) =>
        entry.id === liar ? { ...entry, ...(JSON.parse(text) as object) } : entry;
      const client = await scene.connect();
      expect(client.refusedModels).toMatchObject([{ id: liar, error: { code: "protocol" } }]);
      expect(await code(client.keys({ model: liar }))).toBe("protocol");
      if (at === 1) {
        const keys = await client.keys();
        const work = client.classify(PICTURE, { keys, answer: "label" });
        expect(await code(work)).toBe("protocol");
      }
      expect(scene.workers.encrypted).toEqual([]);
    }
  });

  test("does not lead from a model to another one's label", async () => {
    const changes: Parameters<typeof labelOf>[2][] = [
      { classes: ["one", "two"] },
      { identity: "77".repeat(32) },
      { input: { kind: "photo", shape: [3, 224, 224], largest: 64 } },
      { input: { kind: "grey", shape: [3, 32, 32], largest: 64 } },
      { inputs: 2 },
    ];
    for (const change of changes) {
      const { scene, model, labelId } = offering();
      scene.server.models = [model, labelOf(model, "xyz", change)];
      const client = await scene.connect();
      expect(client.models).toHaveLength(1);
      expect(client.refusedModels).toMatchObject([{ id: labelId, error: { code: "protocol" } }]);
      expect(await code(client.keys({ answer: "label" }))).toBe("protocol");
      expect(scene.server.uploads.size).toBe(0);
    }
  });

  test("is found out by what its contract says, not by a name", async () => {
    const { scene, model, labelId } = offering();
    // A contract for scores under the name of a label.
    const disguised = fakeModel(labelId, "abc");
    scene.server.models = [model, disguised];
    scene.server.lie = (entry: { id: string; of: string }) =>
      entry.id === labelId ? { ...entry, of: model.description.id, answer: "label" } : entry;
    const client = await scene.connect();
    expect(client.refusedModels).toMatchObject([{ id: labelId, error: { code: "protocol" } }]);
    const keys = await client.keys();
    expect(await code(client.classify(PICTURE, { keys, answer: "label" }))).toBe("protocol");
    expect(scene.workers.encrypted).toEqual([]);
  });
});
