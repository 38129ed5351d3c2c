/** Models as people choose them: by name, whatever each may tell. */
import type { ModelInfo } from "blindsight";
import type { LabelAnswer } from "./port.ts";

/** What there is of a model. */
export interface Offered {
  readonly id: string;
  /** With all it has to tell; null where its owner gives the label alone. */
  readonly full: ModelInfo | null;
  /** With the label alone, if that is offered. */
  readonly label: ModelInfo | null;
}

/** Those models that give labels; all of them, if there is no such. */
export function offered(models: readonly ModelInfo[]): Offered[] {
  // Encoders give no label: they are for classes of one's own. A server may have nothing else.
  const classifiers = models.filter(({ features }) => features === null);
  const shown = classifiers.length > 0 ? classifiers : models;
  return [...new Set(shown.map((model) => model.of))].map((id) => {
    const ways = shown.filter((model) => model.of === id && model.answer !== "label_with_lead");
    const one = (isLabel: boolean): ModelInfo | null =>
      ways.find(({ answer }) => (answer === "label") === isLabel) ?? null;
    return { id, full: one(false), label: one(true) };
  });
}

/** What a person gets who wants an answer: that one, if there is a choice. */
export function variant({ full, label }: Offered, answer: LabelAnswer): ModelInfo {
  // Each comes from a model of the list, so one of them is there.
  return ((answer === "label" ? label : null) ?? full ?? label) as ModelInfo;
}
