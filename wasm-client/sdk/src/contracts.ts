import { isLabel } from "./answers.js";
import { hex, sha256 } from "./bytes.js";
import { BlindsightError } from "./errors.js";
import type { Description } from "./generated.js";
import type { Http } from "./http/http.js";
import { fetchContract } from "./http/models.js";
import type { ListedModel } from "./http/models.js";
import { withRetry } from "./http/retry.js";
import type { RetryOptions } from "./http/retry.js";
import type { WorkerPool } from "./pool.js";
import type { AnswerKind, ModelInfo } from "./types.js";
import type { ContractBytes } from "./worker/messages.js";

/** A model whose contract was checked. */
export interface Model {
  info: ModelInfo;
  contract: ContractBytes;
  description: Description;
}

/** A model that is not offered, and why. */
export interface RefusedModel {
  id: string;
  error: BlindsightError;
}

/** The name of the model that answers so in place of another. */
export function variantName(of: string, answer: AnswerKind): string {
  const endings = { scores: "", features: "", label: ".label", label_with_lead: ".lead" };
  return `${of}${endings[answer]}`;
}

/** Contracts by their hash: what was fetched once is what it is. */
const KNOWN = new Map<string, ContractBytes>();
const MOST_KNOWN = 64;

/**
 * Fetches and checks the contracts of listed models. A model whose contract is refused is left out:
 * the others are still good. If none is left, the first refusal is thrown.
 *
 * What belongs together by the list alone must be alike: who previews a picture for a model, and has
 * keys for it, must not be led to another network by the wish for the label alone.
 */
export async function openModels(
  http: Http,
  pool: WorkerPool,
  listed: readonly ListedModel[],
  retry: RetryOptions,
): Promise<{ models: Model[]; refused: RefusedModel[] }> {
  const models: Model[] = [];
  const refused: RefusedModel[] = [];
  const opened = await Promise.allSettled(
    listed.map((entry) => openModel(http, pool, entry, retry)),
  );
  opened.forEach((outcome, index) => {
    const id = listed[index]?.id ?? "";
    if (outcome.status === "fulfilled") models.push(outcome.value);
    else if (isRefusal(outcome.reason)) refused.push({ id, error: outcome.reason });
    else throw outcome.reason;
  });
  for (const model of models.filter((each) => isStray(each, models))) {
    models.splice(models.indexOf(model), 1);
    const message = `the model "${model.info.id}" is not what its name says: the label alone of "${model.info.of}"`;
    refused.push({ id: model.info.id, error: new BlindsightError("protocol", message) });
  }
  if (models.length === 0) throw refused[0]?.error;
  return { models, refused };
}

/** Whether a label is said to be that of a model with which it has too little in common. */
function isStray({ info, description }: Model, models: readonly Model[]): boolean {
  const base = models.find((each) => each.info.id === info.of)?.description;
  if (!isLabel(description.answer) || base === undefined) return false;
  const both = ({ identity, classes, inputs, input }: Description) =>
    JSON.stringify([identity, classes, inputs, input.kind, input.shape, input.largest]);
  return base.answer !== "scores" || both(base) !== both(description);
}

async function openModel(
  http: Http,
  pool: WorkerPool,
  entry: ListedModel,
  retry: RetryOptions,
): Promise<Model> {
  const contract = await contractOf(http, entry, retry);
  const description = await pool.run("describe", { contract }, { signal: retry.signal });
  checkAgreement(entry, description);
  return { contract, description, info: infoOf(description, entry.of) };
}

/** The contract with the listed hash. */
async function contractOf(
  http: Http,
  entry: ListedModel,
  retry: RetryOptions,
): Promise<ContractBytes> {
  const known = KNOWN.get(entry.contract.sha256);
  if (known) return known;
  const bytes = await withRetry(retry, () => fetchContract(http, entry, retry.signal));
  const digest = hex(await sha256(bytes));
  if (digest !== entry.contract.sha256 || bytes.length !== entry.contract.bytes) {
    const message = `the contract of the model "${entry.id}" is not the one that the server lists`;
    throw new BlindsightError("protocol", message);
  }
  const contract = { sha256: digest, bytes };
  const oldest = KNOWN.keys().next();
  if (KNOWN.size >= MOST_KNOWN && !oldest.done) KNOWN.delete(oldest.value);
  KNOWN.set(digest, contract);
  return contract;
}

/** What the list says for showing must be what the contract says. */
function checkAgreement(entry: ListedModel, said: Description): void {
  const agrees =
    entry.id === said.id &&
    entry.answer === said.answer &&
    said.id === variantName(entry.of, said.answer) &&
    entry.title === said.title &&
    entry.scheme === said.scheme &&
    entry.keys.list === said.keyList &&
    entry.keys.count === said.keys.length &&
    entry.keys.bytes === totalBytes(said) &&
    entry.requestBytes === said.requestBytes &&
    entry.responseBytes === said.answerBytes;
  if (!agrees) {
    const message = `the server's list and the contract of the model "${entry.id}" do not agree`;
    throw new BlindsightError("protocol", message);
  }
}

/** The length of an upload of all keys. */
function totalBytes(said: Description): number {
  return said.keys.reduce((sum, key) => sum + key.bytes, said.manifestBytes);
}

function infoOf(said: Description, of: string): ModelInfo {
  const { kind, shape, largest } = said.input;
  const [channels, rows, columns] = shape;
  const { seconds, memoryBytes, log2Failure, scoreError } = said.forecast;
  return Object.freeze({
    id: said.id,
    title: said.title,
    classes: Object.freeze([...said.classes]),
    // What is none comes out of the module as undefined.
    features: said.features ?? null,
    answer: said.answer,
    of,
    inputs: said.inputs,
    input: Object.freeze({ kind, channels, rows, columns, largest }),
    scheme: said.scheme,
    contract: said.sha256,
    keyCount: said.keys.length,
    bytes: Object.freeze({
      keys: totalBytes(said),
      request: said.requestBytes,
      answer: said.answerBytes,
    }),
    forecast: Object.freeze({ seconds, memoryBytes, log2Failure, scoreError }),
  });
}

/** Whether one model is to blame, and not the connection or the caller. */
function isRefusal(error: unknown): error is BlindsightError {
  if (!(error instanceof BlindsightError)) return false;
  if (error.code === "contract_refused" || error.code === "protocol") return true;
  // A model may have gone between the list and its contract.
  return error.code === "request_refused";
}
