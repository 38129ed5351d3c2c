import type { LedgerEntry } from "./ledger.js";
import type {
  Classification,
  ClassifyOptions,
  KeyOptions,
  Keys,
  ModelInfo,
  PictureInput,
  Preview,
  StoredKeys,
} from "./types.js";

/** Events of a client. */
export interface ClientEvents {
  /** A request is over. */
  request: LedgerEntry;
}

/**
 * What a `Client` can do. It comes from `Client.connect(url, options)`.
 *
 * `import { Client } from "blindsight"; const client = await Client.connect(location.origin);`
 */
export interface ClientApi {
  /** The server's origin. */
  readonly origin: string;
  /** The models that the server offers: at least one. */
  readonly models: readonly ModelInfo[];
  /** The server's version. */
  readonly serverVersion: string;
  /** Requests so far, oldest first (the last 1000). */
  readonly ledger: readonly LedgerEntry[];
  /** Makes keys and uploads them, or takes stored ones, or continues an interrupted upload. */
  keys(options?: KeyOptions): Promise<Keys>;
  /** What is stored on this device for this server, without asking the server. */
  storedKeys(options?: { model?: string }): Promise<StoredKeys | null>;
  /** Deletes stored keys, here and on the server, without a `Keys` object at hand. */
  forgetStoredKeys(options?: { model?: string; signal?: AbortSignal }): Promise<void>;
  /** Classifies a picture. */
  classify(input: PictureInput, options: ClassifyOptions): Promise<Classification>;
  /** The square crop and the 32 x 32 pixels of a picture. Nothing is sent. */
  preview(input: PictureInput, options?: { signal?: AbortSignal }): Promise<Preview>;
  /** The encrypted request for a picture. Nothing is sent. */
  encrypt(
    input: PictureInput,
    options: { keys: Keys; signal?: AbortSignal },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** The scores in an encrypted answer. Nothing is sent. */
  decrypt(
    answer: Uint8Array,
    options: { keys: Keys; signal?: AbortSignal },
  ): Promise<{ label: string; class: number; scores: number[] }>;
  /** Listens; the result stops listening. */
  on<E extends keyof ClientEvents>(
    event: E,
    listener: (value: ClientEvents[E]) => void,
  ): () => void;
  /** Stops everything that is under way and ends the workers. */
  close(): void;
}
