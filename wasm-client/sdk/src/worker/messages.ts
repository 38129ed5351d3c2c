import type { BlindsightErrorCode } from "../errors.js";
import type { Description } from "../generated.js";

/** A sealed secret and the key that opens it. Neither tells anything without the other. */
export interface SealedSecret {
  sealed: Uint8Array<ArrayBuffer>;
  key: CryptoKey;
}

/** A contract as the server sent it, and its hash, by which workers know it again. */
export interface ContractBytes {
  sha256: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Pixels that somebody else decoded: rows of red, green, blue and opacity. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8Array<ArrayBuffer>;
}

/** What a worker may be asked, and what it answers. */
export interface Tasks {
  /** Fails with `contract_refused` unless the contract is one to act upon. */
  describe: { in: { contract: ContractBytes }; out: Description };
  /** The head of an upload of the keys at these places of the contract's list. */
  manifest: {
    in: { contract: ContractBytes; places: number[] };
    out: Uint8Array<ArrayBuffer>;
  };
  generateSecret: {
    in: { contract: ContractBytes; key: CryptoKey };
    out: Uint8Array<ArrayBuffer>;
  };
  /** Fails unless the secret opens, and is for the contract's scheme. */
  checkSecret: { in: { contract: ContractBytes; secret: SealedSecret }; out: true };
  evaluationKey: {
    in: { contract: ContractBytes; secret: SealedSecret; place: number };
    out: { bytes: Uint8Array<ArrayBuffer>; sha256: Uint8Array<ArrayBuffer> };
  };
  /** Adds a piece to a hash; `state` null starts one. */
  hash: {
    in: { state: Uint8Array<ArrayBuffer> | null; piece: Uint8Array<ArrayBuffer> };
    out: { state: Uint8Array<ArrayBuffer>; digest: Uint8Array<ArrayBuffer> };
  };
  /** `platform`: decode with the browser's own decoders. */
  prepareFile: {
    in: {
      contract: ContractBytes;
      file: Blob | Uint8Array<ArrayBuffer>;
      mostSide: number;
      platform: boolean;
    };
    out: Prepared;
  };
  prepareBitmap: {
    in: { contract: ContractBytes; bitmap: ImageBitmap; mostSide: number };
    out: Prepared;
  };
  preparePixels: {
    in: { contract: ContractBytes; pixels: Pixels; mostSide: number };
    out: Prepared;
  };
  encryptPicture: {
    in: { contract: ContractBytes; secret: SealedSecret; pixels: Uint8Array<ArrayBuffer> };
    out: Uint8Array<ArrayBuffer>;
  };
  encryptValues: {
    in: { contract: ContractBytes; secret: SealedSecret; values: Float32Array<ArrayBuffer> };
    out: Uint8Array<ArrayBuffer>;
  };
  decrypt: {
    in: { contract: ContractBytes; secret: SealedSecret; answer: Uint8Array<ArrayBuffer> };
    out: number[];
  };
  /** The number of the class, of a contract whose answer is the label alone; none, if none leads. */
  decryptLabel: {
    in: { contract: ContractBytes; secret: SealedSecret; answer: Uint8Array<ArrayBuffer> };
    out: number | undefined;
  };
  /** Pages of memory, in bytes. */
  memory: { in: object; out: number };
  /** Overwrites the whole memory when the task under way is over. Nothing may follow. */
  wipe: { in: object; out: true };
}

/** A picture as the network reads it, and the square it came from as RGBA. */
export interface Prepared {
  pixels: Uint8Array<ArrayBuffer>;
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
