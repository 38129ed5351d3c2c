import { BlindsightError } from "./errors.js";

/** Features of something whose class is known. */
export interface Example {
  /** What `client.embed()` gave, or any other numbers: as many in every example. */
  features: ArrayLike<number>;
  /** Name of the class. */
  label: string;
}

/** How to train. */
export interface TrainOptions {
  /** How small weights are kept: what the half of their squares' sum is multiplied by. Default: 0.1. */
  decay?: number;
}

/** What a classifier makes of features. */
export interface Prediction {
  /** Name of the most probable class, the first of equals. */
  label: string;
  /** Its number. */
  class: number;
  /** Probabilities, in the order of `labels`. They add up to 1. */
  probabilities: number[];
}

/** A classifier as plain data, for storing. */
export interface ClassifierData {
  blindsightClassifier: 1;
  labels: string[];
  /** What is subtracted from features, and what they are divided by then. */
  means: number[];
  scale: number;
  /** For each class a weight for each feature, then its bias. */
  weights: number[][];
}

/** More would take long to learn from, and more memory than a page should. */
const MOST_EXAMPLES = 10_000;
const MOST_CLASSES = 100;
const MOST_FEATURES = 4096;
const MOST_LABEL = 200;
/** Numbers beyond are no features, and their squares would overflow sooner or later. */
const LARGEST = 1e12;

/** The descent ends here, or when the slope is so much smaller than at its start. */
const MOST_STEPS = 1000;
const FLAT = 1e-5;

/**
 * Tells classes apart by features: multinomial logistic regression with a penalty on large weights.
 * It is trained where it runs, on whatever examples there are, with the same result each time.
 *
 * What it says depends on what was decrypted: like that, it must not go to the server.
 */
export class Classifier {
  readonly #data: ClassifierData;

  private constructor(data: ClassifierData) {
    this.#data = data;
  }

  /** Learns from examples of two classes or more. */
  static train(examples: readonly Example[], options: TrainOptions = {}): Classifier {
    const decay = options.decay ?? 0.1;
    if (!(decay > 0 && decay <= LARGEST)) throw invalid("`decay` must be a positive number");
    const { rows, classes, labels } = checked(examples);
    const means = meansOf(rows);
    const scale = scaleOf(rows, means);
    const inputs = rows.map((row) => prepared(row, means, scale));
    const weights = descend(inputs, classes, labels.length, decay);
    return new Classifier({ blindsightClassifier: 1, labels, means, scale, weights });
  }

  /** Reads what `toJSON()` gave, as a value or as text, and believes nothing of it. */
  static fromJSON(json: unknown): Classifier {
    return new Classifier(validated(typeof json === "string" ? parsed(json) : json));
  }

  /** Names of the classes, in the order in which they came first. */
  get labels(): readonly string[] {
    return [...this.#data.labels];
  }

  /** How many features it reads. */
  get features(): number {
    return this.#data.means.length;
  }

  /** The most probable class of features, and how probable each is. */
  predict(features: ArrayLike<number>): Prediction {
    const { labels, means, scale, weights } = this.#data;
    const row = rowOf(features, "the features");
    if (row.length !== means.length) {
      throw invalid(`there are ${row.length} features, the classifier reads ${means.length}`);
    }
    const input = prepared(row, means, scale);
    const probabilities = softmax(Float64Array.from(weights, (each) => dot(each, input)));
    const best = probabilities.reduce(
      (most, p, index) => (p > (probabilities[most] ?? 0) ? index : most),
      0,
    );
    return { label: labels[best] ?? "", class: best, probabilities: [...probabilities] };
  }

  /** Everything that it learnt, as plain data. */
  toJSON(): ClassifierData {
    return structuredClone(this.#data);
  }
}

/** Examples that can be learnt from. */
interface Lesson {
  rows: Float64Array[];
  /** The number of the class of each row. */
  classes: number[];
  labels: string[];
}

function checked(examples: readonly Example[]): Lesson {
  if (!Array.isArray(examples) || examples.length > MOST_EXAMPLES) {
    throw invalid(`examples are a list of at most ${MOST_EXAMPLES}`);
  }
  const labels: string[] = [];
  const seen = new Map<string, string>();
  const rows: Float64Array[] = [];
  const classes: number[] = [];
  examples.forEach((example: Example, index) => {
    const { features, label } = example ?? {};
    if (!isLabel(label))
      throw invalid(`example ${index} has no label of 1 to ${MOST_LABEL} letters`, index);
    const row = rowOf(features, `example ${index}`, index);
    const expected = rows[0]?.length ?? row.length;
    if (row.length !== expected) {
      throw invalid(`example ${index} has ${row.length} features, the first ${expected}`, index);
    }
    const same = row.join();
    if ((seen.get(same) ?? label) !== label) {
      const other = seen.get(same);
      throw invalid(`example ${index} is called "${label}", an equal one before "${other}"`, index);
    }
    seen.set(same, label);
    if (!labels.includes(label)) labels.push(label);
    rows.push(row);
    classes.push(labels.indexOf(label));
  });
  if (labels.length < 2) throw invalid("there must be examples of two classes or more");
  if (labels.length > MOST_CLASSES) throw invalid(`there are more than ${MOST_CLASSES} classes`);
  if (seen.size < 2) throw invalid("all examples are the same");
  return { rows, classes, labels };
}

/** A copy of features, all of them sensible numbers. */
function rowOf(features: unknown, name: string, blamed?: number): Float64Array {
  const isList = Array.isArray(features) || ArrayBuffer.isView(features);
  const length = isList ? (features as ArrayLike<number>).length : 0;
  if (!(length >= 1 && length <= MOST_FEATURES)) {
    throw invalid(`${name} must be 1 to ${MOST_FEATURES} numbers`, blamed);
  }
  const list = features as ArrayLike<unknown>;
  return Float64Array.from({ length }, (_, index) => {
    const value = list[index];
    if (typeof value === "number" && Math.abs(value) <= LARGEST) return value;
    throw invalid(`number ${index} of ${name} is no number from -1e12 to 1e12`, blamed);
  });
}

function isLabel(label: unknown): label is string {
  return typeof label === "string" && label.length >= 1 && label.length <= MOST_LABEL;
}

function meansOf(rows: readonly Float64Array[]): number[] {
  const width = rows[0]?.length ?? 0;
  const sum = (at: number) => rows.reduce((total, row) => total + (row[at] ?? 0), 0);
  return Array.from({ length: width }, (_, at) => sum(at) / rows.length);
}

/**
 * One scale for all features, by which an example is 1 long on average: features that vary more tell
 * more, and those that hardly vary are noise.
 */
function scaleOf(rows: readonly Float64Array[], means: readonly number[]): number {
  const square = (row: Float64Array) =>
    row.reduce((total, x, at) => total + (x - (means[at] ?? 0)) ** 2, 0);
  const mean = rows.reduce((total, row) => total + square(row), 0) / rows.length;
  return Math.sqrt(mean) || 1;
}

/** Centred and scaled, with a 1 for the bias. */
function prepared(row: Float64Array, means: readonly number[], scale: number): Float64Array {
  const input = new Float64Array(row.length + 1).fill(1);
  row.forEach((x, at) => (input[at] = (x - (means[at] ?? 0)) / scale));
  return input;
}

/**
 * Nesterov's accelerated descent (1983), begun anew where it goes uphill (O'Donoghue and Candès, 2015),
 * on the loss, summed over the examples, and the penalty. The curvature of softmax is at most 1/2 of
 * the inputs' squares, which gives the step that is safe. Weights lie class after class.
 */
function descend(
  inputs: readonly Float64Array[],
  classes: readonly number[],
  count: number,
  decay: number,
): number[][] {
  const width = inputs[0]?.length ?? 0;
  const step = 1 / (0.5 * inputs.reduce((sum, input) => sum + dot(input, input), 0) + decay);
  let weights = new Float64Array(count * width);
  let ahead = weights.slice();
  let momentum = 1;
  let steepest = 0;
  for (let i = 0; i < MOST_STEPS; i += 1) {
    const slope = slopeOf(inputs, classes, ahead, decay);
    const length = Math.sqrt(dot(slope, slope));
    steepest = Math.max(steepest, length);
    if (length <= FLAT * steepest) break;
    const next = ahead.map((w, at) => w - step * (slope[at] as number));
    const moved = next.map((w, at) => w - (weights[at] as number));
    const grown = (1 + Math.sqrt(1 + 4 * momentum ** 2)) / 2;
    const uphill = dot(slope, moved) > 0;
    const part = uphill ? 0 : (momentum - 1) / grown;
    momentum = uphill ? 1 : grown;
    ahead = next.map((w, at) => w + part * (moved[at] as number));
    weights = next;
  }
  return Array.from({ length: count }, (_, k) => [...weights.subarray(k * width, (k + 1) * width)]);
}

/** The slope of the loss and the penalty; biases, the last of each class, are not held back. */
function slopeOf(
  inputs: readonly Float64Array[],
  classes: readonly number[],
  weights: Float64Array,
  decay: number,
): Float64Array {
  const width = inputs[0]?.length ?? 1;
  const slope = weights.map((w, at) => ((at + 1) % width === 0 ? 0 : decay * w));
  const scores = new Float64Array(weights.length / width);
  const rows = scores.map((_, k) => k * width);
  inputs.forEach((input, index) => {
    rows.forEach((from, k) => (scores[k] = dot(weights, input, from)));
    softmax(scores).forEach((probability, k) => {
      const excess = probability - (classes[index] === k ? 1 : 0);
      const from = k * width;
      for (let at = 0; at < width; at += 1) {
        slope[from + at] = (slope[from + at] as number) + excess * (input[at] as number);
      }
    });
  });
  return slope;
}

/** The sum of products of `y` and as many numbers of `x`. */
function dot(x: ArrayLike<number>, y: ArrayLike<number>, from = 0): number {
  let sum = 0;
  for (let at = 0; at < y.length; at += 1) sum += (x[from + at] as number) * (y[at] as number);
  return sum;
}

/** Shifted by the largest, so that nothing overflows. */
function softmax(scores: Float64Array): Float64Array {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new BlindsightError("invalid_argument", "this is no JSON", { cause });
  }
}

function validated(json: unknown): ClassifierData {
  const { blindsightClassifier, labels, means, scale, weights } = (json ??
    {}) as Partial<ClassifierData>;
  if (blindsightClassifier !== 1) throw invalid("this is no classifier that this package reads");
  const isNames =
    Array.isArray(labels) &&
    labels.length >= 2 &&
    labels.length <= MOST_CLASSES &&
    labels.every(isLabel) &&
    new Set(labels).size === labels.length;
  if (!isNames) throw invalid("the classifier's labels are no different names");
  if (!(typeof scale === "number" && scale > 0 && scale <= LARGEST)) {
    throw invalid("the classifier's scale is no positive number");
  }
  const centre = [...rowOf(means, "the classifier's means")];
  if (!Array.isArray(weights) || weights.length !== labels.length) {
    throw invalid("the classifier has not as many rows of weights as labels");
  }
  const rows = weights.map((row: unknown, k) => {
    const found = Array.isArray(row) ? row : [];
    const isNumber = (w: unknown) => typeof w === "number" && Math.abs(w) <= LARGEST;
    if (found.length === centre.length + 1 && found.every(isNumber))
      return [...(found as number[])];
    throw invalid(`the classifier's weights of class ${k} are not ${centre.length + 1} numbers`);
  });
  return { blindsightClassifier: 1, labels: [...labels], means: centre, scale, weights: rows };
}

function invalid(message: string, index?: number): BlindsightError {
  return new BlindsightError("invalid_argument", message, index === undefined ? {} : { index });
}
