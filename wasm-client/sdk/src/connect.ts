import type { Context } from "./context.js";
import { BlindsightError } from "./errors.js";
import { Http } from "./http/http.js";
import { openModels } from "./contracts.js";
import type { Model, RefusedModel } from "./contracts.js";
import { bodyJson } from "./http/json.js";
import { parseModels } from "./http/models.js";
import { withRetry } from "./http/retry.js";
import type { Platform } from "./platform/platform.js";
import { WorkerPool } from "./pool.js";
import { MemoryStore } from "./store/store.js";
import type { ConnectOptions } from "./types.js";

/** More workers hardly help, and each takes memory. */
const MOST_WORKERS = 4;

/** What a server offers, as far as it can be believed. */
export interface Offer {
  version: string;
  models: Model[];
  refused: RefusedModel[];
}

/** Asks the server for its models and checks their contracts; makes what the parts share. */
export async function connect(
  platform: Platform,
  url: string | URL,
  options: ConnectOptions,
): Promise<{ context: Context; offer: Offer }> {
  const missing = platform.missing();
  if (missing !== null) {
    throw new BlindsightError("unsupported_environment", `this environment lacks ${missing}`);
  }
  const { workers, maxWaitSeconds = 600, signal = new AbortController().signal } = options;
  if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1 && workers <= 64)) {
    throw new BlindsightError("invalid_argument", "`workers` must be a number from 1 to 64");
  }
  if (!(maxWaitSeconds >= 0)) {
    throw new BlindsightError("invalid_argument", "`maxWaitSeconds` must not be negative");
  }
  const base = baseUrl(platform, url);
  const http = new Http(base, checkedToken(options.token), options.fetch ?? globalThis.fetch);
  if (options.onRequest) http.ledger.listen(options.onRequest);
  const retry = { signal, maxWaitSeconds, attempts: 3 };
  const listed = await withRetry(retry, async () => {
    const answer = await http.send({
      method: "GET",
      path: "v1/models",
      what: "models",
      signal,
      accept: [200],
    });
    return parseModels(bodyJson(answer));
  });
  const size = workers ?? Math.max(1, Math.min(platform.cores(), MOST_WORKERS));
  const context: Context = {
    server: base.href,
    platform,
    http,
    pool: new WorkerPool(platform, size),
    store: platform.store(),
    memory: new MemoryStore(),
    maxWaitSeconds,
  };
  try {
    const opened = await openModels(http, context.pool, listed.models, retry);
    return { context, offer: { version: listed.version, ...opened } };
  } catch (error) {
    void context.pool.close();
    throw error;
  }
}

function baseUrl(platform: Platform, url: string | URL): URL {
  let base: URL;
  try {
    base = platform.resolve(url);
  } catch (cause) {
    const message = "the server's address is no URL";
    throw new BlindsightError("invalid_argument", message, { cause });
  }
  if (base.protocol !== "https:" && base.protocol !== "http:") {
    throw new BlindsightError("invalid_argument", "the server's address must be http or https");
  }
  base.search = "";
  base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

/** A token goes into a header, where most characters cannot stand. */
function checkedToken(token: string | undefined): string | undefined {
  if (token !== undefined && !/^[!-~]+$/.test(token)) {
    const message = "a token has visible ASCII characters only";
    throw new BlindsightError("invalid_argument", message);
  }
  return token;
}
