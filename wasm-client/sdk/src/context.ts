import type { Http } from "./http/http.js";
import type { Platform } from "./platform/platform.js";
import type { WorkerPool } from "./pool.js";
import type { KeyStore } from "./store/store.js";

/** What the parts of a client share. */
export interface Context {
  /** The server's base URL: what stored keys belong to. */
  server: string;
  platform: Platform;
  http: Http;
  pool: WorkerPool;
  /** What is kept on this device. */
  store: KeyStore;
  /** What is kept as long as the client. */
  memory: KeyStore;
  maxWaitSeconds: number;
}
