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

/** A model that the server offers. */
export interface ModelInfo {
  id: string;
  name: string;
  /** Names of the ten classes, in the order of the scores. */
  classes: readonly string[];
  normalisation: { mean: readonly number[]; std: readonly number[] };
  /** The scale of the scores. */
  scoreBound: number;
  parameters: { fingerprint: string; log2Degree: number };
  /** `bytes` is the length of the whole upload: manifest and keys. */
  evaluationKeys: {
    count: number;
    manifestBytes: number;
    bytes: number;
    keyBytes: readonly number[];
  };
  requestBytes: number;
  responseBytes: number;
  /** Steps of one evaluation. */
  steps: number;
}

/** A picture. Files may be PNG, JPEG, WebP, BMP, GIF, and whatever else this browser decodes. */
export type PictureInput =
  | Blob
  | ArrayBuffer
  /** The bytes of a file; exactly 3072 bytes are taken as 32 x 32 pixels of red, green, blue. */
  | Uint8Array
  | ImageBitmap
  | ImageData
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas;

/** How to make keys. */
export interface KeyOptions {
  /**
   * Keep the sealed secret in IndexedDB. Default: true in browsers, false in Node. Keys that are not
   * kept are deleted on the server, too, when the client is closed or the page is left.
   */
  persist?: boolean;
  /** Identifier of the model. Default: the server's first. */
  model?: string;
  onProgress?: (progress: KeyProgress) => void;
  signal?: AbortSignal;
}

/** A secret key on this device, sealed, with its evaluation keys on the server. */
export interface Keys {
  /** Identifier on the server. Useless without the capability, which stays in here. */
  readonly id: string;
  /** SHA-256 (hex) of the uploaded keys. */
  readonly sha256: string;
  /** Bytes of the uploaded keys. */
  readonly bytes: number;
  /** Identifier of the model. */
  readonly model: string;
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
   * Deletes the keys, with all jobs and results: here at once, then on the server. If the server
   * cannot be reached, the call fails, and what it has expires there.
   */
  forget(options?: { signal?: AbortSignal }): Promise<void>;
}

/** What is stored on this device for a server. */
export interface StoredKeys {
  model: string;
  /** Whether the upload was finished. If not, `client.keys()` continues it. */
  complete: boolean;
  /** When the secret was made, in milliseconds since 1970. */
  createdAt: number;
}

/** How to classify. */
export interface ClassifyOptions {
  keys: Keys;
  onProgress?: (progress: ClassifyProgress) => void;
  /** Stops, and cancels the job on the server; so does leaving the page. */
  signal?: AbortSignal;
}

/** An answer. Never send it to the server, nor anything that depends on it. */
export interface Classification {
  /** Name of the class with the best score. */
  label: string;
  /** Its number. */
  class: number;
  /** Ten scores, in the order of the model's classes. */
  scores: number[];
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

/** What the network will see. */
export interface Preview {
  /** The square that is cut out, 512 pixels a side at most, as RGBA. */
  square: { width: number; height: number; data: Uint8ClampedArray<ArrayBuffer> };
  /** The 32 x 32 pixels, row by row, each as red, green, blue: 3072 bytes. */
  rgb32: Uint8Array<ArrayBuffer>;
}

/** Versions of the package, the WebAssembly module, the wire format and the key generation. */
export interface Versions {
  sdk: string;
  api: string;
  wire: number;
  keyGeneration: number;
}
