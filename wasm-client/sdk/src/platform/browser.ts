import { IndexedDbStore } from "../store/indexed-db.js";
import type { ReplyMessage } from "../worker/messages.js";
import type { Platform } from "./platform.js";
import { startWorker } from "./trusted-worker.js";

/** Browsers. */
export const browser: Platform = {
  persistByDefault: true,

  missing() {
    if (typeof WebAssembly !== "object") return "WebAssembly";
    if (typeof Worker !== "function") return "Worker";
    if (typeof crypto !== "object" || typeof crypto.subtle !== "object") {
      return "WebCrypto (it needs HTTPS or localhost)";
    }
    return null;
  },

  spawn({ onReply, onFailure }) {
    const worker = startWorker();
    worker.onmessage = ({ data }: MessageEvent<ReplyMessage>) => onReply(data);
    worker.onmessageerror = () => onFailure("a message could not be read");
    worker.onerror = (event) => {
      event.preventDefault();
      onFailure(event.message || "the worker could not be loaded");
    };
    return {
      post: (message, transfer) => worker.postMessage(message, transfer),
      terminate: () => worker.terminate(),
      keepAlive: () => undefined,
    };
  },

  cores: () => navigator.hardwareConcurrency || 2,

  store: () => new IndexedDbStore(),

  exclusively(name, signal, work) {
    // Without locks, two pages at the same time would make two sets of keys: wasteful, not wrong.
    if (!navigator.locks) return work();
    return navigator.locks.request(name, { signal }, work) as ReturnType<typeof work>;
  },

  onLeave(listener) {
    // In workers it never fires: they end without a word.
    const hear = ({ persisted }: PageTransitionEvent): void => listener(!persisted);
    addEventListener("pagehide", hear);
    return () => removeEventListener("pagehide", hear);
  },

  resolve: (url) => new URL(url, typeof document === "object" ? document.baseURI : undefined),
};
