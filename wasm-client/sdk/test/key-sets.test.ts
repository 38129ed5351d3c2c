import { describe, expect, it } from "vitest";

import type { Description } from "../src/generated.js";
import { missingPlaces, usefulSets } from "../src/key-sets.js";
import type { KeySetRecord } from "../src/store/store.js";

const said = (...names: string[]) =>
  ({ keys: names.map((name) => ({ name, bytes: 1 })) }) as unknown as Description;
const set = (id: string, ...keys: string[]) => ({ id, keys }) as unknown as KeySetRecord;

describe("key sets that a model's jobs are submitted under", () => {
  it("are few, and each holds what those before lack", () => {
    const sets = [set("one", "a"), set("most", "a", "b"), set("other", "x"), set("last", "c")];
    expect(usefulSets(said("a", "b", "c"), sets).map((one) => one.id)).toEqual(["most", "last"]);
    expect(missingPlaces(said("a", "b", "d"), sets)).toEqual([2]);
  });

  it("of a model without keys are one, whatever it holds, if there is one", () => {
    expect(usefulSets(said(), [])).toEqual([]);
    const sets = [set("empty"), set("other", "x")];
    expect(usefulSets(said(), sets).map((one) => one.id)).toEqual(["empty"]);
    expect(missingPlaces(said(), sets)).toEqual([]);
  });
});
