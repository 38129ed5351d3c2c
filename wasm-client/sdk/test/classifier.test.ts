import { describe, expect, test } from "vitest";

import { Classifier } from "../src/classifier.js";
import type { Example } from "../src/classifier.js";
import { BlindsightError } from "../src/errors.js";

/** Numbers from -1 to 1, the same in every run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

const CENTRES = { left: [-2, 0, 40], right: [2, 0, 40], up: [0, 3, 40] };

/** Clouds around three places; the third number is the same for all. */
function examples(each: number, seed: number): Example[] {
  const random = noise(seed);
  return Object.entries(CENTRES).flatMap(([label, centre]) =>
    Array.from({ length: each }, () => ({
      label,
      features: centre.map((x, at) => (at === 2 ? x : x + random())),
    })),
  );
}

const refusal = (work: () => unknown): BlindsightError => {
  try {
    work();
  } catch (error) {
    if (error instanceof BlindsightError) return error;
  }
  throw new Error("no refusal");
};

describe("a classifier", () => {
  test("learns from a few examples, the same each time", () => {
    const classifier = Classifier.train(examples(5, 1));
    expect(classifier.labels).toEqual(["left", "right", "up"]);
    expect(classifier.features).toBe(3);
    for (const { features, label } of examples(30, 2)) {
      const found = classifier.predict(Float32Array.from(features));
      expect(found.label).toBe(label);
      expect(found.class).toBe(classifier.labels.indexOf(label));
      expect(found.probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      expect(found.probabilities[found.class]).toBe(Math.max(...found.probabilities));
    }
    expect(JSON.stringify(Classifier.train(examples(5, 1)))).toBe(JSON.stringify(classifier));
  });

  test("ends where the loss and the penalty are in balance", () => {
    // Of the loss of one number, log(1 + exp(-2 w x)) and 1/2 decay 2 w^2, by halving.
    const decay = 0.5;
    const two = [
      { features: [1], label: "a" },
      { features: [-1], label: "b" },
    ];
    const { weights } = Classifier.train(two, { decay }).toJSON();
    let [low, high] = [0, 10];
    for (let i = 0; i < 60; i += 1) {
      const w = (low + high) / 2;
      const slope = decay * w - 2 / (1 + Math.exp(2 * w));
      if (slope < 0) low = w;
      else high = w;
    }
    expect(weights[0]?.[0]).toBeCloseTo(low, 4);
    expect(weights[1]?.[0]).toBeCloseTo(-low, 4);
  });

  test("survives being stored", () => {
    const classifier = Classifier.train(examples(5, 1));
    const text = JSON.stringify(classifier);
    for (const stored of [text, JSON.parse(text) as unknown]) {
      const again = Classifier.fromJSON(stored);
      expect(again.predict([1, 1, 40])).toEqual(classifier.predict([1, 1, 40]));
    }
    // What it hands out is a copy.
    classifier.toJSON().weights[0]?.fill(9);
    expect(JSON.stringify(classifier)).toBe(text);
  });

  const good = examples(2, 1);
  const changed = (at: number, change: object) =>
    good.map((example, index) => (index === at ? { ...example, ...change } : example));
  test.each<[string, unknown, RegExp, number | undefined]>([
    ["nothing", [], /two classes/, undefined],
    ["no list", "examples", /list/, undefined],
    ["one class", good.slice(0, 2), /two classes/, undefined],
    ["too many", Array.from({ length: 10_001 }, () => good[0]), /at most 10000/, undefined],
    ["contradictory labels", [...good, { ...good[0], label: "right" }], /"right".*"left"/, 6],
    ["another length", changed(3, { features: [1, 2] }), /2 features, the first 3/, 3],
    ["no number", changed(1, { features: [1, NaN, 3] }), /number 1 of example 1/, 1],
    ["an endless number", changed(4, { features: [Infinity, 1, 3] }), /number 0/, 4],
    ["a text among numbers", changed(2, { features: ["1", 2, 3] }), /number 0/, 2],
    ["no features", changed(2, { features: [] }), /1 to 4096/, 2],
    ["no label", changed(2, { label: "" }), /no label/, 2],
    ["no example", [...good, null], /no label/, 6],
  ])("refuses %s", (_, wrong, message, index) => {
    const error = refusal(() => Classifier.train(wrong as Example[]));
    expect([error.code, error.index]).toEqual(["invalid_argument", index]);
    expect(error.message).toMatch(message);
  });

  test("refuses a penalty that is none, and features of another length", () => {
    for (const decay of [0, -1, NaN, Infinity]) {
      expect(refusal(() => Classifier.train(good, { decay })).code).toBe("invalid_argument");
    }
    const classifier = Classifier.train(good);
    for (const features of [[1, 2], [1, 2, 3, 4], [1, 2, NaN], []]) {
      expect(refusal(() => classifier.predict(features)).code).toBe("invalid_argument");
    }
  });

  test("believes nothing that was stored", () => {
    const data = Classifier.train(good).toJSON();
    const wrong = [
      null,
      "no JSON",
      {},
      { ...data, blindsightClassifier: 2 },
      { ...data, labels: ["left", "left", "up"] },
      { ...data, labels: ["left"] },
      { ...data, scale: 0 },
      { ...data, scale: "1" },
      { ...data, means: [1, 2] },
      { ...data, means: [1, 2, null] },
      { ...data, weights: data.weights.slice(1) },
      { ...data, weights: [[1], ...data.weights.slice(1)] },
      { ...data, weights: [[1, 2, 3, NaN], ...data.weights.slice(1)] },
    ];
    for (const each of wrong) {
      expect(refusal(() => Classifier.fromJSON(each)).code).toBe("invalid_argument");
    }
  });
});
