import type { ModelInfo } from "blindsight";
import { expect, it } from "vitest";
import { offered, variant } from "./offered.ts";

const model = (id: string, of = id): ModelInfo => {
  const answer = id === of ? "scores" : "label";
  return { id, of, answer, features: null } as unknown as ModelInfo;
};
const encoder = { ...model("encoder"), answer: "features", features: 4 } as ModelInfo;

const names = (models: readonly ModelInfo[]): unknown =>
  offered(models).map(({ id, full, label }) => [id, full?.id ?? null, label?.id ?? null]);

it("has each model once, whatever it tells", () => {
  const models = [encoder, model("a.label", "a"), model("b"), model("a"), model("c.label", "c")];
  expect(names(models)).toEqual([
    ["a", "a", "a.label"],
    ["b", "b", null],
    ["c", null, "c.label"],
  ]);
  expect(names([encoder])).toEqual([["encoder", "encoder", null]]);
});

it("gives the label alone where that is wanted and possible, or where there is nothing else", () => {
  const [both, scores, label] = offered([
    model("a"),
    model("a.label", "a"),
    model("b"),
    model("c.label", "c"),
  ]);
  if (!both || !scores || !label) throw new Error("three models");
  expect(variant(both, "scores").id).toBe("a");
  expect(variant(both, "label").id).toBe("a.label");
  expect(variant(scores, "label").id).toBe("b");
  expect(variant(label, "scores").id).toBe("c.label");
});
