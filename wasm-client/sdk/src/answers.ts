// What decrypted answers say. Nothing here goes back to the server.
import { BlindsightError } from "./errors.js";
import type { AnswerKind, Label, LabelIfSure, ModelInfo } from "./types.js";

/** The labels in the values of an answer, for so many inputs. */
export function scored(info: ModelInfo, values: readonly number[], inputs: number): Label[] {
  const width = info.classes.length;
  return Array.from({ length: inputs }, (_, at) =>
    best(info, values.slice(at * width, (at + 1) * width)),
  );
}

/** The class with the best score, the first of equals. */
export function best(info: ModelInfo, scores: number[]): Label {
  const at = scores.reduce((most, score, index) => {
    return score > (scores[most] ?? -Infinity) ? index : most;
  }, 0);
  const label = info.classes[at];
  if (label === undefined || scores.length !== info.classes.length) {
    throw new BlindsightError("bad_answer", "the answer does not have a score for each class");
  }
  return { label, class: at, scores };
}

/** Whether an answer is a label without scores. */
export function isLabel(answer: AnswerKind): answer is "label" | "label_with_lead" {
  return answer === "label" || answer === "label_with_lead";
}

/** The class with a number; none, where the model may say that it is not sure, and does. */
export function named({ answer, classes }: ModelInfo, number: number | undefined): LabelIfSure {
  if (number === undefined && answer === "label_with_lead") return { label: null, class: null };
  const label = number === undefined ? undefined : classes[number];
  if (number === undefined || label === undefined) {
    throw new BlindsightError("bad_answer", "the answer is none of the classes");
  }
  return { label, class: number };
}

/** How many values an input has in the answer: scores or features. */
export function valuesOf({ classes, features }: ModelInfo): number {
  return features ?? classes.length;
}
