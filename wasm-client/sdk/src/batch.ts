import { blaming } from "./classify.js";
import type { Evaluated } from "./classify.js";
import type { Model } from "./contracts.js";
import { BlindsightError } from "./errors.js";
import type { BatchClassification, LabelIfSure, PictureInput } from "./types.js";

type Input = PictureInput | Float32Array;

/** More would run for hours where each input is a request. */
const MOST_REQUESTS = 1000;

/** The labels of all inputs. `ask` runs one request with some of them. */
export async function classifyAll<L extends LabelIfSure>(
  model: Model,
  inputs: readonly Input[],
  ask: (inputs: readonly Input[]) => Promise<Evaluated<L[]>>,
): Promise<BatchClassification<L>> {
  const began = performance.now();
  check(model, inputs);
  const isBatch = model.info.inputs > 1;
  const groups = isBatch ? [inputs] : inputs.map((input) => [input]);
  const done: BatchClassification<L> = {
    results: [],
    requests: groups.length,
    seconds: { total: 0 },
    bytes: { request: 0, response: 0 },
  };
  for (const [index, group] of groups.entries()) {
    const run = ask(group);
    const { output, bytes } = await (isBatch ? run : run.catch(blaming(index)));
    done.results.push(...output);
    done.bytes.request += bytes.request;
    done.bytes.response += bytes.response;
  }
  done.seconds.total = (performance.now() - began) / 1000;
  return done;
}

/** What can be said before anything is prepared or sent. */
function check({ info }: Model, inputs: readonly Input[]): void {
  if (!Array.isArray(inputs)) throw invalid("a batch is a list of inputs");
  if (inputs.length === 0) throw invalid("there is nothing to classify: the batch is empty");
  const most = info.inputs > 1 ? info.inputs : MOST_REQUESTS;
  if (inputs.length > most) {
    throw invalid(
      `there are ${inputs.length} inputs; a batch for "${info.id}" has at most ${most}`,
    );
  }
  const { channels, rows, columns, largest } = info.input;
  const expected = channels * rows * columns;
  const isNumbers = inputs[0] instanceof Float32Array;
  inputs.forEach((input: unknown, index) => {
    if (input instanceof Float32Array !== isNumbers) {
      throw invalid(`input ${index} is of another kind than the first`, index);
    }
    if (!(input instanceof Float32Array)) return;
    if (input.length !== expected) {
      throw invalid(
        `input ${index} has ${input.length} numbers, the model reads ${expected}`,
        index,
      );
    }
    if (!input.every((value) => Math.abs(value) <= largest)) {
      throw invalid(`input ${index} has a number that is not between ±${largest}`, index);
    }
  });
}

function invalid(message: string, index?: number): BlindsightError {
  return new BlindsightError("invalid_argument", message, index === undefined ? {} : { index });
}
