// Which of the offered models is meant, for which answer: by what their contracts say.
import type { Offer } from "./connect.js";
import { variantName } from "./contracts.js";
import type { Model } from "./contracts.js";
import { BlindsightError } from "./errors.js";
import type { AnswerKind, ModelChoice } from "./types.js";

/**
 * The model with a name, or the one beside it that answers with its label alone. Nobody gets another
 * answer than the one that was asked for: who wants scores is not given a label, nor the other way.
 */
export function chosenModel(offer: Offer, { model: id, answer }: ModelChoice): Model {
  switch (answer) {
    case undefined:
      return namedModel(offer, id);
    case "scores":
      return scoresOf(namedModel(offer, id));
    case "label":
    case "label_with_lead":
      return labelOf(offer, id, answer);
    default: {
      const message = '`answer` must be "scores", "label" or "label_with_lead"';
      throw new BlindsightError("invalid_argument", message);
    }
  }
}

/** Whose owner withholds the scores is known by its name all the same. */
function namedModel(offer: Offer, id: string | undefined): Model {
  const { models, refused } = offer;
  const model = models.find(({ info }) => id === undefined || info.id === id);
  if (model) return model;
  // Asked for by name, a model that was refused says why.
  const refusal = refused.find((each) => each.id === id);
  if (refusal) throw refusal.error;
  const label = models.find((each) => isLabelOf(each, id, "label"));
  if (label) return label;
  throw new BlindsightError("invalid_argument", `the server has no model "${id}"`);
}

function scoresOf(model: Model): Model {
  const { info, description } = model;
  if (description.answer === "scores") return model;
  if (description.answer === "features") throw isEncoder(model);
  const message = `of the model "${info.of}" this is the label alone: ask for it with \`answer: "label"\``;
  throw new BlindsightError("answer_unavailable", message);
}

function labelOf(offer: Offer, id: string | undefined, answer: "label" | "label_with_lead"): Model {
  const { models, refused } = offer;
  const listed = models.find(({ info }) => id === undefined || info.id === id);
  const base = listed?.info.of ?? id ?? "";
  const label = models.find((each) => isLabelOf(each, base, answer));
  if (label) return label;
  const refusal = refused.find((each) => each.id === variantName(base, answer));
  if (refusal) throw refusal.error;
  // Says why, if there is no such model at all.
  const model = namedModel(offer, id);
  if (model.description.answer === "features") throw isEncoder(model);
  const what = answer === "label" ? "the label alone" : "a label with a lead";
  const message = `the server does not offer ${what} of the model "${base}"`;
  throw new BlindsightError("answer_unavailable", message);
}

function isLabelOf({ info, description }: Model, id: string | undefined, answer: AnswerKind) {
  return description.answer === answer && info.of === id;
}

function isEncoder({ info }: Model): BlindsightError {
  const message = `the model "${info.id}" is an encoder: it gives features, and no label`;
  return new BlindsightError("invalid_argument", message);
}
