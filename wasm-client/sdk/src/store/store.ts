import { BlindsightError } from "../errors.js";
import type { SealedSecret } from "../worker/messages.js";

/** Keys that the server has. */
export interface KeySetRecord {
  id: string;
  capability: string;
  /** SHA-256 of the whole upload. */
  sha256: string;
  /** Its length. */
  bytes: number;
  /** Names of the keys in it: see `Description.keys`. */
  keys: string[];
}

/** An upload that has begun. */
export interface UploadRecord {
  id: string;
  capability: string;
  /** Names of the keys that it will have. */
  keys: string[];
  /** The hash of the first `offset` bytes, to go on with. */
  hash: { offset: number; state: Uint8Array<ArrayBuffer> } | null;
}

/** One secret: for one server, and every model of one scheme. */
export interface KeyRecord {
  /** Layout of this record. */
  version: 2;
  server: string;
  /** Fingerprint of the scheme. */
  scheme: string;
  createdAt: number;
  /** What the keys are made for: see `Description.identity`. */
  identity: string;
  /** The sealed seed, and the non-extractable key that opens it. */
  secret: SealedSecret;
  /** Complete uploads, all under one capability. */
  sets: KeySetRecord[];
  /** The upload that has begun, if there is one. */
  upload: UploadRecord | null;
}

/** Where records are kept. */
export interface KeyStore {
  load(server: string, scheme: string): Promise<KeyRecord | null>;
  /** All records of a server. */
  list(server: string): Promise<KeyRecord[]>;
  save(record: KeyRecord): Promise<void>;
  remove(server: string, scheme: string): Promise<void>;
}

/** No storage: whoever wants to keep something is told so. */
export class NoStore implements KeyStore {
  load(): Promise<null> {
    return Promise.resolve(null);
  }

  list(): Promise<[]> {
    return Promise.resolve([]);
  }

  save(): Promise<never> {
    const message = "keys cannot be stored here: there is no IndexedDB";
    return Promise.reject(new BlindsightError("storage_unavailable", message));
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }
}

/** Records that live as long as their client: keys that are not kept. */
export class MemoryStore implements KeyStore {
  readonly #records = new Map<string, KeyRecord>();

  load(server: string, scheme: string): Promise<KeyRecord | null> {
    return Promise.resolve(this.#records.get(`${server} ${scheme}`) ?? null);
  }

  list(server: string): Promise<KeyRecord[]> {
    return Promise.resolve([...this.#records.values()].filter((each) => each.server === server));
  }

  save(record: KeyRecord): Promise<void> {
    this.#records.set(`${record.server} ${record.scheme}`, record);
    return Promise.resolve();
  }

  remove(server: string, scheme: string): Promise<void> {
    this.#records.delete(`${server} ${scheme}`);
    return Promise.resolve();
  }
}
