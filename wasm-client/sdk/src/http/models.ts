import { BlindsightError } from "../errors.js";
import type { AnswerKind } from "../types.js";
import { Reader, SHA256 } from "../validate.js";
import type { Http } from "./http.js";

/** Version of the server's API that this package speaks. */
export const API_VERSION = "2";

/** A model as the server lists it: for finding its contract, and to be compared with that. */
export interface ListedModel {
  id: string;
  title: string;
  answer: AnswerKind;
  /** The model itself, where this one answers with the label alone of it; else its own name. */
  of: string;
  contract: { sha256: string; bytes: number };
  scheme: string;
  keys: { list: string; count: number; bytes: number };
  requestBytes: number;
  responseBytes: number;
}

/** What a server says of itself. */
export interface ServerDescription {
  version: string;
  models: ListedModel[];
}

/** Names of models. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** More models than anybody would choose from. */
const MOST_MODELS = 64;
/** The longest contract that is read. */
const MOST_CONTRACT_BYTES = 1 << 20;

/** Reads the answer to `GET /v1/models`. */
export function parseModels(json: unknown): ServerDescription {
  const reader = new Reader(json, "list of models");
  const api = reader.field("api").text(20);
  if (api !== API_VERSION) {
    const message = `the server speaks version ${api} of the API, this package ${API_VERSION}`;
    throw new BlindsightError("incompatible", message);
  }
  const models = reader.field("models").items(MOST_MODELS).map(parseModel);
  if (models.length === 0) throw reader.field("models").refusal("a list with a model");
  if (new Set(models.map((model) => model.id)).size < models.length) {
    throw reader.field("models").refusal("a list of models with different names");
  }
  return { version: reader.field("server").field("version").text(100), models };
}

/** The contract of a model, unchecked. */
export async function fetchContract(
  http: Http,
  model: ListedModel,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await http.send({
    method: "GET",
    path: `v1/models/${model.id}/contract`,
    what: "contract",
    signal,
    accept: [200],
    mostBytes: MOST_CONTRACT_BYTES,
  });
  return answer.body;
}

function parseModel(model: Reader): ListedModel {
  const contract = model.field("contract");
  const keys = model.field("keys");
  const length = (reader: Reader) => reader.integer(1, Number.MAX_SAFE_INTEGER);
  return {
    id: model.field("id").match(NAME),
    title: model.field("title").text(400),
    answer: model
      .field("answer")
      .oneOf<AnswerKind>("scores", "features", "label", "label_with_lead"),
    of: model.field("of").match(NAME),
    contract: {
      sha256: contract.field("sha256").match(SHA256),
      bytes: contract.field("bytes").integer(1, MOST_CONTRACT_BYTES),
    },
    scheme: model.field("scheme").match(SHA256),
    keys: {
      list: keys.field("list").match(SHA256),
      count: keys.field("count").integer(0, Number.MAX_SAFE_INTEGER),
      bytes: length(keys.field("bytes")),
    },
    requestBytes: length(model.field("request_bytes")),
    responseBytes: length(model.field("response_bytes")),
  };
}
