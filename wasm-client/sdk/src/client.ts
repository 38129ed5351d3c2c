import { LinkedAbort } from "./abort.js";
import { classify, named } from "./classify.js";
import type { Context } from "./context.js";
import { BlindsightError } from "./errors.js";
import { deleteKeySet } from "./http/keysets.js";
import type { ServerDescription } from "./http/models.js";
import { withRetry } from "./http/retry.js";
import type { LedgerEntry } from "./ledger.js";
import { obtainKeys } from "./obtain-keys.js";
import type { ObtainedKeys } from "./obtain-keys.js";
import { preparePicture } from "./pictures.js";
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
import { UnkeptKeySets } from "./unkept.js";

/** Events of a client. */
export interface ClientEvents {
  /** A request is over. */
  request: LedgerEntry;
}

/** A connection to a server: what both platforms' `Client` has in common. */
export class CoreClient {
  readonly #context: Context;
  readonly #server: ServerDescription;
  readonly #closing = new AbortController();
  readonly #records = new WeakMap<Keys, ObtainedKeys["record"]>();
  readonly #unkept: UnkeptKeySets;

  /** Use `Client.connect` instead. */
  protected constructor(context: Context, server: ServerDescription) {
    this.#context = context;
    this.#server = server;
    this.#unkept = new UnkeptKeySets(context.http, context.platform);
  }

  /** The server's origin. */
  get origin(): string {
    return new URL(this.#context.server).origin;
  }

  /** The models that the server offers: at least one. */
  get models(): readonly ModelInfo[] {
    return this.#server.models;
  }

  /** The server's version. */
  get serverVersion(): string {
    return this.#server.version;
  }

  /** Requests so far, oldest first (the last 1000). */
  get ledger(): readonly LedgerEntry[] {
    return this.#context.http.ledger.entries;
  }

  /** Makes keys and uploads them, or takes stored ones, or continues an interrupted upload. */
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

  /** What is stored on this device for this server, without asking the server. */
  async storedKeys(options: { model?: string } = {}): Promise<StoredKeys | null> {
    const { store, server } = this.#context;
    const record = await store.load(server, this.#model(options.model).id);
    if (!record) return null;
    const { model, createdAt, sha256 } = record;
    return { model, createdAt, complete: sha256 !== null };
  }

  /** Deletes stored keys, here and on the server, without a `Keys` object at hand. */
  async forgetStoredKeys(options: { model?: string; signal?: AbortSignal } = {}): Promise<void> {
    const { store, server } = this.#context;
    const record = await store.load(server, this.#model(options.model).id);
    if (record) await this.#forget(record, options.signal);
  }

  /** Classifies a picture. A page that is left meanwhile cancels the job. */
  async classify(input: PictureInput, options: ClassifyOptions): Promise<Classification> {
    const { record, model } = this.#known(options?.keys);
    const onProgress = options.onProgress ?? (() => undefined);
    const context = this.#context;
    const leave = new LinkedAbort(options.signal);
    const stay = context.platform.onLeave(() =>
      leave.controller.abort(new BlindsightError("aborted", "the page was left")),
    );
    try {
      return await this.#guarded(leave.signal, (signal) =>
        classify({ context, model, record, input, signal, onProgress }),
      );
    } finally {
      stay();
      leave.release();
    }
  }

  /** The square crop and the 32 x 32 pixels of a picture. Nothing is sent. */
  async preview(input: PictureInput, options: { signal?: AbortSignal } = {}): Promise<Preview> {
    return this.#guarded(options.signal, async (signal) => {
      const { rgb32, side, rgba } = await preparePicture(this.#context.pool, input, signal);
      const data = new Uint8ClampedArray(rgba.buffer, rgba.byteOffset, rgba.length);
      return { rgb32, square: { width: side, height: side, data } };
    });
  }

  /** The encrypted request for a picture. Nothing is sent. */
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

  /** The scores in an encrypted answer. Nothing is sent. */
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

  /** Listens; the result stops listening. */
  on<E extends keyof ClientEvents>(
    event: E,
    listener: (value: ClientEvents[E]) => void,
  ): () => void {
    if (event !== "request") {
      throw new BlindsightError("invalid_argument", `there is no event "${String(event)}"`);
    }
    return this.#context.http.ledger.listen(listener);
  }

  /** Stops everything that is under way, ends the workers, deletes keys that are not kept. */
  close(): void {
    this.#unkept.deleteAll();
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
    if (!persisted) this.#unkept.add(record.upload);
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
      this.#unkept.forget(upload);
      const retry = { signal, maxWaitSeconds: this.#context.maxWaitSeconds, attempts: 3 };
      await withRetry(retry, () => deleteKeySet(http, upload, signal));
    });
  }
}

type ForgettableRecord = Pick<ObtainedKeys["record"], "model"> & {
  upload: { id: string; capability: string } | null;
};

/** Nothing but `BlindsightError` leaves the package. */
function asBlindsightError(error: unknown, signal: AbortSignal): BlindsightError {
  if (error instanceof BlindsightError) return error;
  if (signal.aborted) {
    return new BlindsightError("aborted", "the call was aborted", { cause: signal.reason });
  }
  const message = `something unexpected went wrong: ${String(error)}`;
  return new BlindsightError("worker_failed", message, { cause: error });
}
