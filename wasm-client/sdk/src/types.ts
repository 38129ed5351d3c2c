import type { Description, ForecastDescription, InputKind } from "./generated.js";
import type { LedgerEntry } from "./ledger.js";
import type { ClassifyProgress, KeyProgress } from "./progress.js";

/** How to connect. */
export interface ConnectOptions {
  /** Stops connecting. */
  signal?: AbortSignal;
  /** Token of the service, if it wants one. */
  token?: string;
  /** Hears of every request, the first one included, even if connecting fails. */
  onRequest?: (entry: LedgerEntry) => void;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch;
  /** Workers for making keys. Default: one for each core, four at most. */
  workers?: number;
  /** How long to wait in all for a server that is busy or cannot be reached. Default: 600. */
  maxWaitSeconds?: number;
}

/** What a model answers: the scores of all classes, the features of an encoder, or the label alone. */
export type AnswerKind = Description["answer"];

/** A model that the server offers, as its contract says: checked, and never more than that. */
export interface ModelInfo {
  /** Its name in the protocol. */
  readonly id: string;
  /** Its name for people. */
  readonly title: string;
  /** Names of the classes, in the order of the scores; none of an encoder. */
  readonly classes: readonly string[];
  /** How many features an encoder gives; null for a classifier. */
  readonly features: number | null;
  /** What it answers. */
  readonly answer: AnswerKind;
  /** The model itself, where this one answers with the label alone of it; else its own name. */
  readonly of: string;
  /** How many inputs one request holds: more than 1 for models that take batches. */
  readonly inputs: number;
  /** What it reads. */
  readonly input: ModelInput;
  /** Models of one scheme share their keys. */
  readonly scheme: string;
  /** SHA-256 (hex) of the contract. */
  readonly contract: string;
  /** The number of evaluation keys. */
  readonly keyCount: number;
  /** What is sent and received: all keys (once, if no other model had any of them), each request, each answer. */
  readonly bytes: { readonly keys: number; readonly request: number; readonly answer: number };
  /** What whoever compiled the model expects; nobody has checked that. */
  readonly forecast: Readonly<ForecastDescription>;
}

/** What a model reads. */
export interface ModelInput {
  /** `photo`: a picture in colour. `grey`: one in shades of grey. `tensor`: numbers. */
  readonly kind: InputKind;
  /** Of a picture 3 or 1. Numbers come channels first, then rows, then columns. */
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  /** Numbers lie between this and its negative. */
  readonly largest: number;
}

/**
 * Numbers as text or in a file: JSON (a list, or lists in lists), CSV (numbers between commas,
 * semicolons, blanks and line breaks), or, not as text, NumPy's `.npy` with float32 or float64.
 */
export type NumbersInput = string | Blob | ArrayBuffer | Uint8Array;

export type { Contract, InputKind } from "./generated.js";

/** A picture. Files may be PNG, JPEG, WebP, BMP, GIF, and whatever else this browser decodes. */
export type PictureInput =
  | Blob
  | ArrayBuffer
  /**
   * The bytes of a file; exactly as many as the model's picture has, `3 * rows * columns`, are taken
   * as its pixels: red, green, blue.
   */
  | Uint8Array
  | ImageBitmap
  | ImageData
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas;

/** What a classifier may be asked for. */
export type LabelAnswer = "scores" | "label" | "label_with_lead";

/** Which model is meant, and for which answer. */
export interface ModelChoice<A extends LabelAnswer = LabelAnswer> {
  /** Its name in the protocol. Default: the server's first, or the one that `keys` were made for. */
  model?: string;
  /**
   * `"label"`: the label alone, decided under encryption, so that nobody sees scores;
   * `"label_with_lead"`: the same if its score leads by as much as the service asks for. Default: what
   * the model with that name answers; if its owner withholds the scores, the label.
   */
  answer?: A;
}

/** How to make keys. */
export interface KeyOptions extends ModelChoice {
  /**
   * Keep the sealed secret in IndexedDB. Default: true in browsers, false in Node. Keys that are not
   * kept are deleted on the server, too, when the client is closed or the page is left.
   */
  persist?: boolean;
  onProgress?: (progress: KeyProgress) => void;
  signal?: AbortSignal;
}

/** A secret key on this device, sealed, with its evaluation keys on the server: for one scheme. */
export interface Keys {
  /** Identifier on the server of the first key set. Useless without the capability, which stays in here. */
  readonly id: string;
  /** SHA-256 (hex) of the first key set. */
  readonly sha256: string;
  /** All key sets: there are several where models were added. */
  readonly sets: readonly { id: string; sha256: string; bytes: number }[];
  /** Bytes of all key sets. */
  readonly bytes: number;
  /** Bytes that this call uploaded: 0 if everything was there. */
  readonly sent: number;
  /** Identifier of the model that was asked for. */
  readonly model: string;
  /** The scheme: the keys do for its models as far as these need no further keys. */
  readonly scheme: string;
  /** Whether this call uploaded anything; false if stored keys were found complete. */
  readonly fresh: boolean;
  /** Whether the sealed secret is stored on this device. */
  readonly persisted: boolean;
  /**
   * Seconds that this call took. Generating and uploading overlap: `generate` is the time until
   * the last key was made, `upload` the time during which requests were under way.
   */
  readonly timings: { generate: number; upload: number; total: number };
  /**
   * Deletes the keys of this scheme, with all jobs and results: here at once, then on the server. If
   * the server cannot be reached, the call fails, and what it has expires there.
   */
  forget(options?: { signal?: AbortSignal }): Promise<void>;
}

/** What is stored on this device for a server and a scheme. */
export interface StoredKeys {
  scheme: string;
  /** Whether the model needs no further upload. If it does, `client.keys()` makes or continues it. */
  complete: boolean;
  /** Whether an upload has begun that was not finished. */
  interrupted: boolean;
  /** When the secret was made, in milliseconds since 1970. */
  createdAt: number;
}

/** Keys that a model still needs. */
export interface MissingKeys {
  count: number;
  /** Length of their upload. */
  bytes: number;
}

/** How to run a model. */
export interface RunOptions {
  keys: Keys;
  /** Identifier of the model. Default: the one that the keys were made for. */
  model?: string;
  onProgress?: (progress: ClassifyProgress) => void;
  /** Stops, and cancels the job on the server; so does leaving the page. */
  signal?: AbortSignal;
}

/** How to classify. */
export interface ClassifyOptions<A extends LabelAnswer = "scores"> extends RunOptions {
  /** What to reveal: the scores of all classes, or the label alone. Default: scores. */
  answer?: A;
}

/** How to read an answer that is at hand. */
export interface DecryptOptions<A extends LabelAnswer = "scores"> extends ModelChoice<A> {
  keys: Keys;
  signal?: AbortSignal;
}

/** An answer. Never send it to the server, nor anything that depends on it. */
export interface RunResult {
  /** Numbers, in the order of the model's classes, or the features of an encoder. */
  values: number[];
  seconds: {
    prepare: number;
    encrypt: number;
    upload: number;
    queue: number;
    evaluate: number;
    download: number;
    decrypt: number;
    total: number;
  };
  bytes: { request: number; response: number };
}

/** A label and nothing else. Never send it to the server, nor anything that depends on it. */
export interface LabelAlone {
  /** Name of the class with the best score. */
  label: string;
  /** Its number. */
  class: number;
}

/** A label and nothing else, or that no class leads by enough. As secret as a label. */
export interface LabelIfSure {
  /** Name of the class that leads; null if none does. */
  label: string | null;
  /** Its number. */
  class: number | null;
}

/** A label with all scores: like the label, they must not go to the server. */
export interface Label extends LabelAlone {
  /** Scores, in the order of the model's classes. */
  scores: number[];
}

/** What becomes of the two answers. */
export type LabelOf<A extends LabelAnswer> = {
  scores: Label;
  label: LabelAlone;
  label_with_lead: LabelIfSure;
}[A];

/** A label with all scores, and what it cost. */
export type Classification = Label & Omit<RunResult, "values">;

/** A label and nothing else, and what it cost. */
export type LabelClassification = LabelAlone & Omit<RunResult, "values">;

/** The labels of several inputs, in their order, and what they cost together. */
export interface BatchClassification<L extends LabelIfSure = Label> {
  results: L[];
  /** How many requests there were: one for models that take batches, else one for each input. */
  requests: number;
  /** From the call to the last label. */
  seconds: { total: number };
  bytes: { request: number; response: number };
}

/** What the network will see. */
export interface Preview {
  /** The square that is cut out, 512 pixels a side at most, as RGBA. */
  square: { width: number; height: number; data: Uint8ClampedArray<ArrayBuffer> };
  /** The pixels that the model reads, row by row, each as red, green, blue. */
  pixels: { width: number; height: number; rgb: Uint8Array<ArrayBuffer> };
}

/** Versions of the package, the API, the wire format, the key generation and contracts. */
export interface Versions {
  sdk: string;
  api: string;
  wire: number;
  keyGeneration: number;
  contract: number;
}
