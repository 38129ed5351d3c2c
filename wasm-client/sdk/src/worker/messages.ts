import type { BlindsightErrorCode } from "../errors.js";

/** A sealed secret and the key that opens it. Neither tells anything without the other. */
export interface SealedSecret {
  sealed: Uint8Array<ArrayBuffer>;
  key: CryptoKey;
}

/** What the WebAssembly module says of its parameter set. */
export interface Description {
  fingerprint: string;
  /** Changes whenever the same seed would give other keys. */
  identity: string;
  log2Degree: number;
  wireVersion: number;
  keyGenerationVersion: number;
  manifestBytes: number;
  keyBytes: number[];
  requestBytes: number;
  version: string;
}

/** Pixels that somebody else decoded: rows of red, green, blue and opacity. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8Array<ArrayBuffer>;
}

/** What a worker may be asked, and what it answers. */
export interface Tasks {
  describe: { in: object; out: { description: Description; manifest: Uint8Array<ArrayBuffer> } };
  generateSecret: { in: { key: CryptoKey }; out: Uint8Array<ArrayBuffer> };
  /** Fails unless the secret opens. */
  checkSecret: { in: { secret: SealedSecret }; out: true };
  evaluationKey: {
    in: { secret: SealedSecret; index: number };
    out: { bytes: Uint8Array<ArrayBuffer>; sha256: Uint8Array<ArrayBuffer> };
  };
  /** Adds a piece to a hash; `state` null starts one. */
  hash: {
    in: { state: Uint8Array<ArrayBuffer> | null; piece: Uint8Array<ArrayBuffer> };
    out: { state: Uint8Array<ArrayBuffer>; digest: Uint8Array<ArrayBuffer> };
  };
  /** `platform`: decode with the browser's own decoders. */
  prepareFile: {
    in: { file: Blob | Uint8Array<ArrayBuffer>; mostSide: number; platform: boolean };
    out: Prepared;
  };
  prepareBitmap: { in: { bitmap: ImageBitmap; mostSide: number }; out: Prepared };
  preparePixels: { in: { pixels: Pixels; mostSide: number }; out: Prepared };
  encrypt: {
    in: {
      secret: SealedSecret;
      rgb32: Uint8Array<ArrayBuffer>;
      normalisation: { mean: readonly number[]; std: readonly number[] };
    };
    out: Uint8Array<ArrayBuffer>;
  };
  decrypt: {
    in: { secret: SealedSecret; answer: Uint8Array<ArrayBuffer>; bound: number };
    out: { class: number; scores: number[] };
  };
  /** Pages of memory, in bytes. */
  memory: { in: object; out: number };
}

/** A picture as the network reads it, and the square it came from as RGBA. */
export interface Prepared {
  rgb32: Uint8Array<ArrayBuffer>;
  side: number;
  rgba: Uint8Array<ArrayBuffer>;
}

/** Names of tasks. */
export type TaskName = keyof Tasks;

/** A task on its way to a worker. */
export type TaskMessage = {
  [N in TaskName]: { id: number; task: N; input: Tasks[N]["in"] };
}[TaskName];

/** What comes back. */
export type ReplyMessage =
  | { id: number; ok: true; output: unknown }
  | {
      id: number;
      ok: false;
      code: BlindsightErrorCode;
      message: string;
      /** The instance must not be used again. */
      fatal: boolean;
    };
