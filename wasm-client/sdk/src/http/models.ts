import { BlindsightError } from "../errors.js";
import type { ModelInfo } from "../types.js";
import { Reader, SHA256 } from "../validate.js";

/** Version of the server's API that this package speaks. */
export const API_VERSION = "1";

/** What a server says of itself. */
export interface ServerDescription {
  version: string;
  models: ModelInfo[];
}

/** Reads the answer to `GET /v1/models`. */
export function parseModels(json: unknown): ServerDescription {
  const reader = new Reader(json, "list of models");
  const api = reader.field("api").text(20);
  if (api !== API_VERSION) {
    const message = `the server speaks version ${api} of the API, this package ${API_VERSION}`;
    throw new BlindsightError("incompatible", message);
  }
  const models = reader.field("models").items(100).map(parseModel);
  if (models.length === 0) throw reader.field("models").refusal("a list with a model");
  return { version: reader.field("server").field("version").text(100), models };
}

/** The longest upload that this package would ever make. */
const MOST_KEY_BYTES = 1 << 30;

function parseModel(model: Reader): ModelInfo {
  const classes = model.field("classes");
  const names = classes.items(10).map((name) => name.text(64));
  if (names.length !== 10) throw classes.refusal("a list of ten names");
  const keys = model.field("evaluation_keys");
  const keyBytes = keys
    .field("key_bytes")
    .items(1000)
    .map((bytes) => bytes.integer(1, MOST_KEY_BYTES));
  const manifestBytes = keys.field("manifest_bytes").integer(1, 1 << 20);
  const bytes = keys.field("bytes").integer(1, MOST_KEY_BYTES);
  if (keyBytes.reduce((sum, length) => sum + length, manifestBytes) !== bytes) {
    throw keys.field("bytes").refusal("the sum of all lengths");
  }
  const normalisation = model.field("normalisation");
  const parameters = model.field("parameters");
  return {
    id: model.field("id").match(/^[A-Za-z0-9._-]{1,100}$/),
    name: model.field("name").text(200),
    classes: names,
    normalisation: {
      mean: triple(normalisation.field("mean"), 0),
      std: triple(normalisation.field("std"), 1e-3),
    },
    scoreBound: model.field("score_bound").number(1e-6, 1e9),
    parameters: {
      fingerprint: parameters.field("fingerprint").match(SHA256),
      log2Degree: parameters.field("log2_degree").integer(10, 17),
    },
    evaluationKeys: { count: keyBytes.length, manifestBytes, bytes, keyBytes },
    requestBytes: model.field("request_bytes").integer(1, 1 << 26),
    responseBytes: model.field("response_bytes").integer(1, 1 << 19),
    steps: model.field("steps").integer(0, 1e6),
  };
}

function triple(reader: Reader, least: number): number[] {
  const numbers = reader.items(3).map((value) => value.number(least, 1));
  if (numbers.length !== 3) throw reader.refusal("three numbers");
  return numbers;
}
