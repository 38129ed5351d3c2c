import { BlindsightError } from "../errors.js";

/** Numbers and how they were arranged. */
export interface Numbers {
  /** As many as were asked for: the first ones, if there are more. */
  values: Float32Array<ArrayBuffer>;
  /** The sizes of lists in lists, the outermost first; `[n]` if they were not arranged. */
  shape: readonly number[];
}

/** How many numbers a shape has. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((all, size) => all * size, 1);
}

/** What is wrong with numbers. */
export function unsupported(message: string): BlindsightError {
  return new BlindsightError("unsupported_numbers", message);
}
