import { BlindsightError } from "../errors.js";
import type { SealedSecret } from "../worker/messages.js";

/** What is kept on this device for one server and one model. */
export interface KeyRecord {
  /** Layout of this record. */
  version: 1;
  server: string;
  model: string;
  createdAt: number;
  /** What the keys are made for: see `Description.identity`. */
  identity: string;
  /** The sealed seed, and the non-extractable key that opens it. */
  secret: SealedSecret;
  /** Where the keys are uploaded, once that has begun. */
  upload: { id: string; capability: string } | null;
  /** SHA-256 of the whole upload, once it is complete. */
  sha256: string | null;
  /** The hash of the first `offset` bytes of the upload, to go on with. */
  hash: { offset: number; state: Uint8Array<ArrayBuffer> } | null;
}

/** Where records are kept. */
export interface KeyStore {
  load(server: string, model: string): Promise<KeyRecord | null>;
  save(record: KeyRecord): Promise<void>;
  remove(server: string, model: string): Promise<void>;
}

/** No storage: whoever wants to keep something is told so. */
export class NoStore implements KeyStore {
  load(): Promise<null> {
    return Promise.resolve(null);
  }

  save(): Promise<never> {
    const message = "keys cannot be stored here: there is no IndexedDB";
    return Promise.reject(new BlindsightError("storage_unavailable", message));
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }
}
