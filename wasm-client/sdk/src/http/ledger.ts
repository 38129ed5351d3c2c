import type { LedgerEntry, RequestKind } from "../ledger.js";

/** Bytes of a body that an entry shows. */
const HEAD_BYTES = 64;
/** Entries that are kept. */
const MOST_ENTRIES = 1000;

/** What a request is when it starts. */
export interface OpenEntry {
  method: string;
  url: string;
  what: RequestKind;
  body?: Uint8Array;
  /** SHA-256 (hex) of the body. */
  sha256?: string;
}

/** The record of everything that left this device. */
export class Ledger {
  readonly #entries: LedgerEntry[] = [];
  readonly #listeners = new Set<(entry: LedgerEntry) => void>();
  #nextId = 1;

  /** Entries so far, oldest first. */
  get entries(): readonly LedgerEntry[] {
    return this.#entries;
  }

  /** Tells every new entry; the result stops that. */
  listen(listener: (entry: LedgerEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A request starts. Call the result once, when it is over. */
  open(start: OpenEntry): (status: number | null, responseBytes: number) => void {
    const time = Date.now();
    let over = false;
    return (status, responseBytes) => {
      if (over) return;
      over = true;
      this.#add({
        id: this.#nextId++,
        time,
        method: start.method,
        url: start.url,
        what: start.what,
        status,
        requestBytes: start.body?.length ?? 0,
        responseBytes,
        sha256: start.sha256 ?? null,
        head: start.body?.slice(0, HEAD_BYTES) ?? new Uint8Array(),
      });
    };
  }

  #add(entry: LedgerEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > MOST_ENTRIES) this.#entries.shift();
    for (const listener of this.#listeners) {
      try {
        listener(entry);
      } catch (error) {
        // A listener's bug must not break a request.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
