import { describe, expect, test } from "vitest";

import { parseJob } from "../src/http/jobs.js";
import { parseModels } from "../src/http/models.js";
import { fakeModel } from "./fake-platform.js";
import { PICTURE, code, freshScene } from "./scene.js";

const fresh = freshScene();

const LISTED = {
  id: "m",
  title: "Model",
  answer: "scores",
  of: "m",
  contract: { sha256: "0f".repeat(32), bytes: 6000 },
  scheme: "0e".repeat(32),
  keys: { list: "0d".repeat(32), count: 2, bytes: 35 },
  request_bytes: 100,
  response_bytes: 50,
  steps: 12,
  forecast_seconds: 3.5,
};

const answer = (change: object) => ({
  api: "2",
  server: { version: "1" },
  models: [{ ...LISTED, ...change }],
});

describe("what the server says", () => {
  test("is read", () => {
    const { models } = parseModels(answer({}));
    expect(models[0]).toMatchObject({ id: "m", requestBytes: 100, keys: { count: 2 } });
  });

  test.each([
    [{ id: "../x" }],
    [{ id: "M" }],
    [{ answer: "everything" }],
    [{ of: "../x" }],
    [{ of: undefined }],
    [{ contract: { sha256: "xyz", bytes: 10 } }],
    [{ contract: { ...LISTED.contract, bytes: 2 ** 30 } }],
    [{ contract: undefined }],
    [{ scheme: "AB".repeat(32) }],
    [{ keys: { ...LISTED.keys, count: -1 } }],
    [{ keys: { ...LISTED.keys, bytes: "35" } }],
    [{ request_bytes: 1.5 }],
    [{ response_bytes: null }],
  ])("is refused where it makes no sense: %j", (change) => {
    expect(() => parseModels(answer(change))).toThrow(/the server's list of models/);
  });

  test("no models, no object, no version, one name twice", () => {
    const twice = { ...answer({}), models: [LISTED, LISTED] };
    for (const bad of [null, 3, {}, { api: "2", server: {}, models: [] }, twice]) {
      expect(() => parseModels(bad)).toThrow();
    }
  });

  test("jobs are checked", () => {
    const job = { id: "j", state: "running", step: 3, steps: 4, eta_seconds: 2.5, position: null };
    expect(parseJob(job)).toMatchObject({ step: 3, etaSeconds: 2.5, error: null });
    for (const change of [{ state: "eaten" }, { step: 5 }, { id: "a/b" }, { eta_seconds: -1 }]) {
      expect(() => parseJob({ ...job, ...change })).toThrow(/the server's job/);
    }
  });
});

/** Models with contracts that no other test has: what is known by its hash is not fetched again. */
let names = 0;
const own = (keys: string, change = {}) => fakeModel(`model-${(names += 1)}`, keys, change);

describe("models", () => {
  test("are what their contracts say, fetched once", async () => {
    const scene = fresh();
    const model = own("abc", { input: { kind: "tensor", shape: [4, 1, 2], largest: 64 } });
    scene.server.models.push(model);
    for (let round = 0; round < 2; round += 1) {
      const client = await scene.connect();
      expect(client.models.map(({ id }) => id)).toEqual(["fake-model", model.description.id]);
      expect(client.models[1]).toMatchObject({
        input: { kind: "tensor", channels: 4, rows: 1, columns: 2, largest: 64 },
        forecast: { seconds: 2.5 },
        keyCount: 3,
      });
    }
    const path = new RegExp(`models/${model.description.id}/contract`);
    expect(scene.server.sent("GET", path)).toHaveLength(1);
  });

  test("are left out if list and contract differ in anything", async () => {
    const lies: ((entry: Record<string, unknown>) => object)[] = [
      () => ({ contract: { sha256: "00".repeat(32), bytes: 10 } }),
      (entry) => ({ contract: { ...(entry["contract"] as object), bytes: 11 } }),
      () => ({ title: "Something else" }),
      () => ({ scheme: "00".repeat(32) }),
      (entry) => ({ keys: { ...(entry["keys"] as object), bytes: 7 } }),
      (entry) => ({ keys: { ...(entry["keys"] as object), count: 7 } }),
      (entry) => ({ keys: { ...(entry["keys"] as object), list: "00".repeat(32) } }),
      () => ({ request_bytes: 1 }),
      () => ({ response_bytes: 1 }),
      () => ({ answer: "features" }),
      () => ({ of: "fake-model" }),
    ];
    for (const lie of lies) {
      const scene = fresh();
      const model = own("abc");
      scene.server.models = [scene.server.models[0] ?? model, model];
      scene.server.lie = (entry: { id: string }) =>
        entry.id === model.description.id ? { ...entry, ...lie({ ...entry }) } : entry;
      const client = await scene.connect();
      expect(client.models.map(({ id }) => id)).toEqual(["fake-model"]);
      expect(client.refusedModels).toMatchObject([
        { id: model.description.id, error: { code: "protocol" } },
      ]);
      const asked = client.keys({ model: model.description.id });
      expect(await code(asked)).toBe("protocol");
    }
  });

  test("with weak parameters are refused, and if there is no other, so is the server", async () => {
    const scene = fresh();
    scene.server.models = [own("abc", { title: "weak" })];
    expect(await code(scene.connect())).toBe("contract_refused");
    scene.server.models.push(own("abc"));
    const client = await scene.connect();
    expect(client.models).toHaveLength(1);
    expect(client.refusedModels[0]?.error.message).toContain("too weak");
  });

  test("whose contract is not there are refused", async () => {
    const scene = fresh();
    scene.server.models = [own("abc")];
    scene.server.fault = (request, response) => {
      if (!request.url?.endsWith("/contract")) return false;
      response.writeHead(404).end();
      return true;
    };
    expect(await code(scene.connect())).toBe("request_refused");
  });
});

describe("keys of several models", () => {
  const sizes = (model: { description: { keys: { bytes: number }[] } }) =>
    model.description.keys.map((key) => key.bytes);

  test("are shared: a contained list sends nothing, an overlapping one what is missing", async () => {
    const scene = fresh();
    const [large, part, more] = [own("abcdef"), own("bdf"), own("aceghi")];
    scene.server.models = [large, part, more];
    const client = await scene.connect();
    const [first, second, third] = [large, part, more].map(({ description: { id } }) => id) as [
      string,
      string,
      string,
    ];
    expect(await client.missingKeys({ model: first })).toEqual({
      count: 6,
      bytes: scene.server.length,
    });
    const keys = await client.keys({ model: first });
    expect([keys.fresh, keys.sent, keys.bytes]).toEqual([
      true,
      scene.server.length,
      scene.server.length,
    ]);

    expect(await client.missingKeys({ model: second })).toEqual({ count: 0, bytes: 0 });
    const contained = await client.keys({ model: second });
    expect([contained.fresh, contained.sent]).toEqual([false, 0]);
    expect(scene.server.sent("POST", /uploads/)).toHaveLength(1);

    const left = sizes(more).slice(3);
    const length = left.reduce((sum, bytes) => sum + bytes, 4 + left.length);
    expect(await client.missingKeys({ model: third })).toEqual({ count: 3, bytes: length });
    expect(await code(client.classify(PICTURE, { keys, model: third }))).toBe("invalid_argument");
    const before = scene.server.sent("PATCH", /uploads/).length;
    const added = await client.keys({ model: third });
    expect(added.sent).toBe(length);
    const pieces = scene.server.sent("PATCH", /uploads/).slice(before);
    expect(pieces.map((request) => request.body.length)).toEqual([7, ...left]);

    // Every handle of the scheme does for every model now.
    for (const model of [first, second, third]) {
      expect((await client.classify(PICTURE, { keys, model })).class).toBe(3);
    }
    const jobs = [...scene.server.jobs.values()];
    expect(jobs.map((job) => [job.model, job.with.length])).toEqual([
      [first, 0],
      [second, 0],
      [third, 1],
    ]);
    // A later visit finds all of it.
    const again = await (await scene.connect()).keys({ model: third });
    expect([again.fresh, again.sets.length]).toEqual([false, 2]);
    await again.forget();
    expect(scene.server.uploads.size).toBe(0);
  });

  test.each([0, 1])("all go with one lost key set: with number %i", async (lost) => {
    const scene = fresh();
    const [one, two] = [own("abc"), own("acde")];
    scene.server.models = [one, two];
    const client = await scene.connect();
    await client.keys();
    const keys = await client.keys({ model: two.description.id });
    expect(keys.sets).toHaveLength(2);
    const [before] = scene.secrets();
    const [gone, left] = [keys.sets[lost]?.id ?? "", keys.sets[1 - lost]?.id ?? ""];
    scene.server.uploads.delete(gone);
    scene.workers.made = [];

    const again = await (await scene.connect()).keys({ model: two.description.id });
    // Not the rest with the old secret, but all that this model needs with a new one.
    expect(scene.workers.made.toSorted()).toEqual([0, 1, 2, 3]);
    expect(again.sets).toHaveLength(1);
    expect(scene.secrets()).not.toContain(before);
    expect([...scene.server.uploads.keys()]).toEqual([again.id]);
    expect(scene.server.sent("DELETE", new RegExp(left))).toHaveLength(1);
  });

  test("begun for another model are not sent again with the same secret", async () => {
    const scene = fresh();
    const [one, two] = [own("abcdef"), own("abd")];
    scene.server.models = [one, two];
    const client = await scene.connect();
    const stop = new AbortController();
    const onProgress = (event: { stage: string; bytesSent?: number }) =>
      event.stage === "uploading" && (event.bytesSent ?? 0) > 50 && stop.abort();
    expect(await code(client.keys({ signal: stop.signal, onProgress }))).toBe("aborted");
    const [before] = scene.secrets();
    const keys = await client.keys({ model: two.description.id });
    expect(keys.fresh).toBe(true);
    expect(scene.secrets()).not.toContain(before);
    expect([...scene.server.uploads.keys()]).toEqual([keys.id]);
  });

  test("that are not kept are shared, too", async () => {
    const scene = fresh();
    const [one, two] = [own("abc"), own("ac")];
    scene.server.models = [one, two];
    const client = await scene.connect();
    await client.keys({ persist: false });
    const other = await client.keys({ persist: false, model: two.description.id });
    expect(other.sent).toBe(0);
    client.close();
    await expect.poll(() => scene.server.uploads.size).toBe(0);
  });

  test("are made once when two calls want them at the same time", async () => {
    const scene = fresh();
    const [one, two] = [own("abc"), own("ac")];
    scene.server.models = [one, two];
    const client = await scene.connect();
    const model = two.description.id;
    const both = await Promise.all([client.keys(), client.keys({ model })]);
    expect(both.map((keys) => keys.fresh)).toEqual([true, false]);
    expect(scene.server.sent("POST", /uploads/)).toHaveLength(1);
  });

  test("of which the server lost a part are completed", async () => {
    const scene = fresh();
    const [one, two] = [own("abc"), own("cde")];
    scene.server.models = [one, two];
    const client = await scene.connect();
    const keys = await client.keys();
    await client.keys({ model: two.description.id });
    scene.server.uploads.delete(keys.id);
    // Under the capability of what is left.
    const again = await client.keys();
    expect(again.fresh).toBe(true);
    const made = scene.server.uploads.get(again.sets.at(-1)?.id ?? "");
    expect(made?.keys).toHaveLength(3);
    expect(new Set([...scene.server.uploads.values()].map((each) => each.capability)).size).toBe(1);
    expect((await client.classify(PICTURE, { keys: again })).class).toBe(3);
  });

  test("an interrupted upload for another model is given up", async () => {
    const scene = fresh();
    const [one, two] = [own("abcdef"), own("ac")];
    scene.server.models = [one, two];
    const stop = new AbortController();
    const first = (await scene.connect()).keys({
      signal: stop.signal,
      onProgress: (event) => event.stage === "uploading" && event.bytesSent > 100 && stop.abort(),
    });
    expect(await code(first)).toBe("aborted");
    const client = await scene.connect();
    expect(await client.storedKeys()).toMatchObject({ complete: false, interrupted: true });
    const keys = await client.keys({ model: two.description.id });
    expect(keys.sets).toHaveLength(1);
    expect(scene.server.uploads.size).toBe(1);
  });

  test("of one scheme do not open another", async () => {
    const scene = fresh();
    const other = own("abc", { scheme: "11".repeat(32), identity: "12".repeat(32) });
    scene.server.models = [own("abc"), other];
    const client = await scene.connect();
    const keys = await client.keys();
    const model = other.description.id;
    expect(await code(client.classify(PICTURE, { keys, model }))).toBe("invalid_argument");
    expect(await code(client.encrypt(PICTURE, { keys, model }))).toBe("invalid_argument");
    const second = await client.keys({ model });
    expect(second.fresh).toBe(true);
    expect(second.scheme).not.toBe(keys.scheme);
    await client.forgetStoredKeys({ model });
    expect(scene.store.records.size).toBe(1);
    await client.forgetStoredKeys();
    expect(scene.store.records.size).toBe(0);
    expect(scene.server.uploads.size).toBe(0);
  });

  test("are not used when the contract of the same name comes back with another scheme", async () => {
    const scene = fresh();
    const before = own("abc");
    scene.server.models = [before];
    const keys = await (await scene.connect()).keys();
    const { id } = before.description;
    scene.server.models = [
      fakeModel(id, "abc", { scheme: "22".repeat(32), identity: "23".repeat(32) }),
    ];
    const client = await scene.connect();
    expect(await client.storedKeys()).toBeNull();
    const other = await client.keys();
    expect(other.fresh).toBe(true);
    expect(other.sha256).not.toBe(keys.sha256);
    expect(scene.store.records.size).toBe(2);
  });
});

describe("numbers", () => {
  test("are run as they are, and pictures are not read by such a model", async () => {
    const scene = fresh();
    scene.server.models = [
      own("abc", { input: { kind: "tensor", shape: [4, 1, 2], largest: 64 } }),
    ];
    const client = await scene.connect();
    const keys = await client.keys();
    const { values } = await client.run(new Float32Array(8), { keys });
    expect(values).toHaveLength(10);
    const numbers = await client.readNumbers("1 2 3 4 5 6 7 8");
    expect((await client.classify(numbers, { keys })).label).toBe("class 3");
    expect(await code(client.readNumbers("1 2 3"))).toBe("unsupported_numbers");
    expect(await code(client.readNumbers("1", { model: "none" }))).toBe("invalid_argument");
    expect(await code(client.classify(PICTURE, { keys }))).toBe("invalid_argument");
    expect(await code(client.preview(PICTURE))).toBe("invalid_argument");
    const text = "x" as unknown as Float32Array;
    expect(await code(client.run(text, { keys }))).toBe("invalid_argument");
  });
});
