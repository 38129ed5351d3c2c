import type { Http } from "./http/http.js";
import { deleteKeySet } from "./http/keysets.js";
import type { UploadHandle } from "./http/tus.js";
import type { Platform } from "./platform/platform.js";

/**
 * Key sets on the server whose secret is kept nowhere here. When their client is closed or its page
 * is gone, they are of no use to anybody, and are deleted.
 */
export class UnkeptKeySets {
  readonly #http: Http;
  readonly #platform: Platform;
  /** Key sets by their id, each with what stops waiting for the page to be left. */
  readonly #all = new Map<string, { upload: UploadHandle; stop: () => void }>();

  constructor(http: Http, platform: Platform) {
    this.#http = http;
    this.#platform = platform;
  }

  add(upload: UploadHandle): void {
    if (this.#all.has(upload.id)) return;
    const stop = this.#platform.onLeave((forGood) => {
      // A page that may be shown again still has its client.
      if (forGood) this.#delete(upload);
    });
    this.#all.set(upload.id, { upload, stop });
  }

  /** Somebody else deletes it. */
  forget(upload: UploadHandle): void {
    this.#all.get(upload.id)?.stop();
    this.#all.delete(upload.id);
  }

  /** Tells the server, and does not wait: those it does not hear of expire. */
  deleteAll(): void {
    for (const { upload } of [...this.#all.values()]) this.#delete(upload);
  }

  #delete(upload: UploadHandle): void {
    this.forget(upload);
    deleteKeySet(this.#http, upload, AbortSignal.timeout(10_000)).catch(() => undefined);
  }
}
