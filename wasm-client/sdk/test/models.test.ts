import { describe, expect, test } from "vitest";

import { parseJob } from "../src/http/jobs.js";
import { parseModels } from "../src/http/models.js";

const MODEL = {
  id: "m",
  name: "Model",
  classes: ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
  normalisation: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
  score_bound: 20.5,
  parameters: { fingerprint: "0f".repeat(32), log2_degree: 15 },
  evaluation_keys: { count: 2, manifest_bytes: 5, bytes: 35, key_bytes: [10, 20] },
  request_bytes: 100,
  response_bytes: 50,
  steps: 12,
};

const answer = (change: object) => ({
  api: "1",
  server: { version: "1" },
  models: [{ ...MODEL, ...change }],
});

describe("what the server says", () => {
  test("is read", () => {
    const { models } = parseModels(answer({}));
    expect(models[0]).toMatchObject({ id: "m", scoreBound: 20.5, steps: 12 });
    expect(models[0]?.evaluationKeys.keyBytes).toEqual([10, 20]);
  });

  test.each([
    [{ id: "../x" }],
    [{ classes: ["a"] }],
    [{ classes: undefined }],
    [{ score_bound: -1 }],
    [{ score_bound: "20" }],
    [{ normalisation: { mean: [0, 0, 0], std: [0, 1, 1] } }],
    [{ normalisation: { mean: [0, 0], std: [1, 1, 1] } }],
    [{ parameters: { fingerprint: "xyz", log2_degree: 15 } }],
    [{ evaluation_keys: { ...MODEL.evaluation_keys, bytes: 36 } }],
    [{ evaluation_keys: { ...MODEL.evaluation_keys, key_bytes: [10, 2e9] } }],
    [{ request_bytes: 1.5 }],
    [{ response_bytes: 1e12 }],
    [{ steps: null }],
  ])("is refused where it makes no sense: %j", (change) => {
    expect(() => parseModels(answer(change))).toThrow(/the server's list of models/);
  });

  test("no models, no object, no version", () => {
    for (const bad of [null, 3, {}, { api: "1", server: {}, models: [] }]) {
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
