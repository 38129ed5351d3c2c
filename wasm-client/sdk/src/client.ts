import { LinkedAbort } from "./abort.js";
import { classify, named } from "./classify.js";
import type { ClientApi, ClientEvents } from "./client-api.js";
import type { Context } from "./context.js";
import { BlindsightError } from "./errors.js";
import { Http } from "./http/http.js";
import { parsed } from "./http/jobs.js";
import { deleteKeySet } from "./http/keysets.js";
import { parseModels } from "./http/models.js";
import type { ServerDescription } from "./http/models.js";
import { withRetry } from "./http/retry.js";
import type { LedgerEntry } from "./ledger.js";
import { obtainKeys } from "./obtain-keys.js";
import type { ObtainedKeys } from "./obtain-keys.js";
import { preparePicture } from "./pictures.js";
import type { Platform } from "./platform/platform.js";
import { WorkerPool } from "./pool.js";
import type {
  Classification,
  ClassifyOptions,
  ConnectOptions,
  KeyOptions,
  Keys,
  ModelInfo,
  PictureInput,
  Preview,
  StoredKeys,
} from "./types.js";

/** More workers hardly help, and each takes memory. */
const MOST_WORKERS = 4;

/** A connection to a server: what both platforms' `Client` has in common. */
export class CoreClient implements ClientApi {
  readonly #context: Context;
  readonly #server: ServerDescription;
  readonly #closing = new AbortController();
  readonly #records = new WeakMap<Keys, ObtainedKeys["record"]>();

  /** Use `Client.connect` instead. */
  protected constructor(context: Context, server: ServerDescription) {
    this.#context = context;
    this.#server = server;
  }

  /** What a subclass's `connect` passes to its constructor. */
  protected static async open(
    platform: Platform,
    url: string | URL,
    options: ConnectOptions,
  ): Promise<{ context: Context; server: ServerDescription }> {
    const missing = platform.missing();
    if (missing !== null) {
      throw new BlindsightError("unsupported_environment", `this environment lacks ${missing}`);
    }
    const { workers, token, maxWaitSeconds = 600, signal = new AbortController().signal } = options;
    if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1 && workers <= 64)) {
      throw new BlindsightError("invalid_argument", "`workers` must be a number from 1 to 64");
    }
    if (!(maxWaitSeconds >= 0)) {
      throw new BlindsightError("invalid_argument", "`maxWaitSeconds` must not be negative");
    }
    const base = baseUrl(platform, url);
    const http = new Http(base, token, options.fetch ?? globalThis.fetch);
    const size = workers ?? Math.max(1, Math.min(platform.cores(), MOST_WORKERS));
    const server = await withRetry({ signal, maxWaitSeconds, attempts: 3 }, async () => {
      const answer = await http.send({
        method: "GET",
        path: "v1/models",
        what: "models",
        signal,
        accept: [200],
      });
      return parseModels(parsed(new TextDecoder().decode(answer.body)));
    });
    const context: Context = {
      server: base.href,
      platform,
      http,
      pool: new WorkerPool(platform, size),
      store: platform.store(),
      maxWaitSeconds,
    };
    return { context, server };
  }

  get origin(): string {
    return new URL(this.#context.server).origin;
  }

  get models(): readonly ModelInfo[] {
    return this.#server.models;
  }

  get serverVersion(): string {
    return this.#server.version;
  }

  get ledger(): readonly LedgerEntry[] {
    return this.#context.http.ledger.entries;
  }

  async keys(options: KeyOptions = {}): Promise<Keys> {
    const context = this.#context;
    const model = this.#model(options.model);
    const persist = options.persist ?? context.platform.persistByDefault;
    const onProgress = options.onProgress ?? (() => undefined);
    return this.#guarded(options.signal, async (signal) => {
      const work = () => obtainKeys({ context, model, persist, signal, onProgress });
      const name = `blindsight ${context.server} ${model.id}`;
      const obtained = persist
        ? await context.platform.exclusively(name, signal, work)
        : await work();
      return this.#handle(obtained);
    });
  }

  async storedKeys(options: { model?: string } = {}): Promise<StoredKeys | null> {
    const { store, server } = this.#context;
    const record = await store.load(server, this.#model(options.model).id);
    if (!record) return null;
    const { model, createdAt, sha256 } = record;
    return { model, createdAt, complete: sha256 !== null };
  }

  async forgetStoredKeys(options: { model?: string; signal?: AbortSignal } = {}): Promise<void> {
    const { store, server } = this.#context;
    const record = await store.load(server, this.#model(options.model).id);
    if (record) await this.#forget(record, options.signal);
  }

  async classify(input: PictureInput, options: ClassifyOptions): Promise<Classification> {
    const { record, model } = this.#known(options?.keys);
    const onProgress = options.onProgress ?? (() => undefined);
    const context = this.#context;
    return this.#guarded(options.signal, (signal) =>
      classify({ context, model, record, input, signal, onProgress }),
    );
  }

  async preview(input: PictureInput, options: { signal?: AbortSignal } = {}): Promise<Preview> {
    return this.#guarded(options.signal, async (signal) => {
      const { rgb32, side, rgba } = await preparePicture(this.#context.pool, input, signal);
      const data = new Uint8ClampedArray(rgba.buffer, rgba.byteOffset, rgba.length);
      return { rgb32, square: { width: side, height: side, data } };
    });
  }

  async encrypt(
    input: PictureInput,
    options: { keys: Keys; signal?: AbortSignal },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { record, model } = this.#known(options?.keys);
    const { pool } = this.#context;
    return this.#guarded(options.signal, async (signal) => {
      const { rgb32 } = await preparePicture(pool, input, signal);
      const { normalisation } = model;
      return pool.run("encrypt", { secret: record.secret, rgb32, normalisation }, { signal });
    });
  }

  async decrypt(
    answer: Uint8Array,
    options: { keys: Keys; signal?: AbortSignal },
  ): Promise<{ label: string; class: number; scores: number[] }> {
    const { record, model } = this.#known(options?.keys);
    return this.#guarded(options.signal, async (signal) => {
      const input = {
        secret: record.secret,
        answer: new Uint8Array(answer),
        bound: model.scoreBound,
      };
      return named(model, await this.#context.pool.run("decrypt", input, { signal }));
    });
  }

  on<E extends keyof ClientEvents>(
    event: E,
    listener: (value: ClientEvents[E]) => void,
  ): () => void {
    if (event !== "request") {
      throw new BlindsightError("invalid_argument", `there is no event "${String(event)}"`);
    }
    return this.#context.http.ledger.listen(listener);
  }

  close(): void {
    this.#closing.abort(new BlindsightError("closed", "the client was closed"));
    this.#context.pool.close();
  }

  /** Runs work that ends with the caller's signal and with the client. */
  async #guarded<T>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const abort = new LinkedAbort(this.#closing.signal, signal);
    try {
      if (abort.signal.aborted) throw abort.signal.reason;
      return await work(abort.signal);
    } catch (error) {
      throw asBlindsightError(error, abort.signal);
    } finally {
      abort.release();
    }
  }

  #model(id: string | undefined): ModelInfo {
    const model = this.models.find((candidate) => id === undefined || candidate.id === id);
    if (!model) throw new BlindsightError("invalid_argument", `the server has no model "${id}"`);
    return model;
  }

  #known(keys: Keys | undefined): { record: ObtainedKeys["record"]; model: ModelInfo } {
    const record = keys && this.#records.get(keys);
    if (!record) {
      const message = "`keys` must come from this client's `keys()`, and not be forgotten";
      throw new BlindsightError("invalid_argument", message);
    }
    return { record, model: this.#model(record.model) };
  }

  #handle({ record, fresh, persisted, timings }: ObtainedKeys): Keys {
    const keys: Keys = Object.freeze({
      id: record.upload.id,
      sha256: record.sha256,
      bytes: this.#model(record.model).evaluationKeys.bytes,
      model: record.model,
      fresh,
      persisted,
      timings,
      forget: async (options: { signal?: AbortSignal } = {}) => {
        this.#records.delete(keys);
        await this.#forget(record, options.signal);
      },
    });
    this.#records.set(keys, record);
    return keys;
  }

  /** Here at once, whatever the server says; then there. */
  async #forget(record: ForgettableRecord, asked: AbortSignal | undefined): Promise<void> {
    const { store, server, pool, http } = this.#context;
    await this.#guarded(asked, async (signal) => {
      // Workers may have opened the secret.
      pool.trim(0);
      await store.remove(server, record.model);
      const { upload } = record;
      if (!upload) return;
      const retry = { signal, maxWaitSeconds: this.#context.maxWaitSeconds, attempts: 3 };
      await withRetry(retry, () => deleteKeySet(http, upload, signal));
    });
  }
}

type ForgettableRecord = Pick<ObtainedKeys["record"], "model"> & {
  upload: { id: string; capability: string } | null;
};

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

/** Nothing but `BlindsightError` leaves the package. */
function asBlindsightError(error: unknown, signal: AbortSignal): BlindsightError {
  if (error instanceof BlindsightError) return error;
  if (signal.aborted) {
    return new BlindsightError("aborted", "the call was aborted", { cause: signal.reason });
  }
  const message = `something unexpected went wrong: ${String(error)}`;
  return new BlindsightError("worker_failed", message, { cause: error });
}
