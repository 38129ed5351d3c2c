import { unsupported } from "./found.js";
import type { Numbers } from "./found.js";

/** Lists in lists, at most. No model reads more than three, and a few more may have one element. */
const MOST_DEPTH = 8;

/** Numbers in JSON or CSV, and at most so many of them. */
export function readText(text: string, most: number): Numbers {
  return text.trimStart().startsWith("[") ? parseJson(text, most) : parseCsv(text, most);
}

function parseJson(text: string, most: number): Numbers {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    // The engine's own message quotes the text.
    throw unsupported("the text begins like JSON, but is none");
  }
  const shape = shapeOf(root);
  const numbers = new Taker(most);
  const walk = (list: unknown, depth: number): void => {
    if (depth === shape.length) return numbers.take(typeof list === "number" ? list : undefined);
    if (!Array.isArray(list) || list.length !== shape[depth]) {
      throw unsupported("the lists in the list are not all of one length");
    }
    for (const item of list as unknown[]) walk(item, depth + 1);
  };
  walk(root, 0);
  return { values: numbers.values, shape };
}

/** Sizes along the first elements; all others must agree. */
function shapeOf(root: unknown): number[] {
  const shape: number[] = [];
  for (let list = root; Array.isArray(list); list = list[0] as unknown) {
    if (shape.length === MOST_DEPTH) throw unsupported("there are too many lists in lists");
    shape.push(list.length);
  }
  return shape;
}

/** Lines mean nothing: who stacks channels has more lines than rows. */
function parseCsv(text: string, most: number): Numbers {
  const numbers = new Taker(most);
  for (const [word] of text.matchAll(/[^\s,;]+/g)) {
    numbers.take(NUMBER.test(word) ? Number(word) : undefined);
  }
  return { values: numbers.values, shape: [numbers.count] };
}

/** What `Number` takes beyond this, such as `0x10`, nobody means here. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** Keeps as many numbers as are wanted, and counts them all. */
class Taker {
  readonly values: Float32Array<ArrayBuffer>;
  count = 0;

  constructor(most: number) {
    this.values = new Float32Array(most);
  }

  take(value: number | undefined): void {
    if (value === undefined) throw unsupported(`item ${this.count + 1} is no number`);
    if (this.count < this.values.length) this.values[this.count] = value;
    this.count += 1;
  }
}
