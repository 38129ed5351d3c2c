import { LinkedAbort, orAborted } from "./abort.js";
import { best, isLabel, named, scored, valuesOf } from "./answers.js";
import { classifyAll } from "./batch.js";
import { chosenModel } from "./choice.js";
import { encryptInput, evaluate, prepareInput } from "./classify.js";
import type { ClassifyJob, DecryptTask, Evaluated } from "./classify.js";
import type { Offer } from "./connect.js";
import type { Context } from "./context.js";
import type { Model, RefusedModel } from "./contracts.js";
import { BlindsightError } from "./errors.js";
import { deleteKeySet } from "./http/keysets.js";
import type { UploadHandle } from "./http/tus.js";
import { withRetry } from "./http/retry.js";
import { missingPlaces, usefulSets } from "./key-sets.js";
import { makeBundle } from "./key-stream.js";
import type { LedgerEntry } from "./ledger.js";
import { readNumbers } from "./numbers.js";
import { obtainKeys } from "./obtain-keys.js";
import type { ObtainedKeys } from "./obtain-keys.js";
import { preparePicture } from "./pictures.js";
import type { KeyRecord } from "./store/store.js";
import type {
  BatchClassification,
  ClassifyOptions,
  Contract,
  DecryptOptions,
  KeyOptions,
  Keys,
  LabelAnswer,
  LabelOf,
  MissingKeys,
  ModelChoice,
  ModelInfo,
  NumbersInput,
  PictureInput,
  Preview,
  RunOptions,
  RunResult,
  StoredKeys,
} from "./types.js";
import { UnkeptKeySets } from "./unkept.js";
import type { Tasks } from "./worker/messages.js";

/** Events of a client. */
export interface ClientEvents {
  /** A request is over. */
  request: LedgerEntry;
}

/** The keys of one scheme. All handles of a scheme share them, and see what is added. */
interface Holder {
  /** Null once they are forgotten. */
  record: KeyRecord | null;
  persisted: boolean;
}

/** The secret and the model of a call. */
interface Known {
  record: KeyRecord;
  model: Model;
}

/** A connection to a server: what both platforms' `Client` has in common. */
export class CoreClient {
  readonly #context: Context;
  readonly #offer: Offer;
  readonly #models: readonly ModelInfo[];
  readonly #closing = new AbortController();
  readonly #holders = new Map<string, Holder>();
  readonly #handles = new WeakMap<Keys, Holder>();
  /** Who obtains keys of a scheme waits for who does so already. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #unkept: UnkeptKeySets;

  /** Use `Client.connect` instead. */
  protected constructor(context: Context, offer: Offer) {
    this.#context = context;
    this.#offer = offer;
    this.#models = Object.freeze(offer.models.map((model) => model.info));
    this.#unkept = new UnkeptKeySets(context.http, context.platform);
  }

  /** The server's origin. */
  get origin(): string {
    return new URL(this.#context.server).origin;
  }

  /** The models that the server offers and this package accepts: at least one. */
  get models(): readonly ModelInfo[] {
    return this.#models;
  }

  /** Models that the server lists, but whose contract was refused. */
  get refusedModels(): readonly RefusedModel[] {
    return this.#offer.refused;
  }

  /** The server's version. */
  get serverVersion(): string {
    return this.#offer.version;
  }

  /** Requests so far, oldest first (the last 1000). */
  get ledger(): readonly LedgerEntry[] {
    return this.#context.http.ledger.entries;
  }

  /**
   * Makes keys for a model and uploads them, or takes those that there are, or continues an
   * interrupted upload. Models of one scheme share their keys: only what is missing is made.
   */
  async keys(options: KeyOptions = {}): Promise<Keys> {
    const context = this.#context;
    const model = this.#model(options);
    const persist = options.persist ?? context.platform.persistByDefault;
    const onProgress = options.onProgress ?? (() => undefined);
    const store = persist ? context.store : context.memory;
    const name = `blindsight ${context.server} ${model.info.scheme}`;
    return this.#guarded(options.signal, async (signal) => {
      const work = () => obtainKeys({ context, model, store, persist, signal, onProgress });
      const obtained = await this.#inTurn(`${name} ${persist}`, signal, () =>
        persist ? context.platform.exclusively(name, signal, work) : work(),
      );
      return this.#handle(model.info, persist, obtained);
    });
  }

  /** What `keys()` would have to upload for a model, without asking the server. */
  async missingKeys(options: ModelChoice = {}): Promise<MissingKeys> {
    const { store, memory, server, pool } = this.#context;
    const { description, contract } = this.#model(options);
    const { scheme, identity } = description;
    return this.#guarded(undefined, async (signal) => {
      const record = (await memory.load(server, scheme)) ?? (await store.load(server, scheme));
      const sets = record?.identity === identity ? usefulSets(description, record.sets) : [];
      const places = missingPlaces(description, sets);
      if (places.length === 0) return { count: 0, bytes: 0 };
      const { starts } = await makeBundle(pool, contract, description, places, signal);
      return { count: places.length, bytes: starts.at(-1) ?? 0 };
    });
  }

  /** What is stored on this device for a model's scheme, without asking the server. */
  async storedKeys(options: ModelChoice = {}): Promise<StoredKeys | null> {
    const { store, server } = this.#context;
    const { description } = this.#model(options);
    const record = await store.load(server, description.scheme);
    if (!record) return null;
    const { scheme, createdAt, sets, upload } = record;
    const useful = record.identity === description.identity ? usefulSets(description, sets) : [];
    const complete = missingPlaces(description, useful).length === 0;
    return { scheme, createdAt, complete, interrupted: upload !== null };
  }

  /**
   * Deletes stored keys, here and on the server, without a `Keys` object at hand: those of a
   * model's scheme, or all of this server.
   */
  async forgetStoredKeys(options: { model?: string; signal?: AbortSignal } = {}): Promise<void> {
    const { store, server } = this.#context;
    const scheme = options.model && this.#model(options).info.scheme;
    for (const record of await store.list(server)) {
      if (!scheme || record.scheme === scheme) await this.#forget(record, true, options.signal);
    }
  }

  /**
   * Classifies a picture, or numbers: channels first, then rows, then columns. A page that is left
   * meanwhile cancels the job. With `answer: "label"` nobody learns scores, not even this device.
   */
  async classify<A extends LabelAnswer = "scores">(
    input: PictureInput | Float32Array,
    options: ClassifyOptions<A>,
  ): Promise<LabelOf<A> & Omit<RunResult, "values">> {
    const known = this.#known(classifying(options));
    const { output, ...costs } = await this.#labels<A>([input], known, options);
    return { ...(output[0] as LabelOf<A>), ...costs };
  }

  /**
   * Classifies several inputs: in one request, where the model takes batches, else one after another.
   * An error about one of them carries its `index`.
   */
  async classifyBatch<A extends LabelAnswer = "scores">(
    inputs: readonly (PictureInput | Float32Array)[],
    options: ClassifyOptions<A>,
  ): Promise<BatchClassification<LabelOf<A>>> {
    const known = this.#known(classifying(options));
    return classifyAll(known.model, inputs, (some) => this.#labels<A>(some, known, options));
  }

  /**
   * The features that an encoder gives of a picture, or of numbers: what the last layer of a
   * classifier would read. Like a label they must not go to the server, nor anything that depends on
   * them. See `Classifier`.
   */
  async embed(
    input: PictureInput | Float32Array,
    options: RunOptions,
  ): Promise<Float32Array<ArrayBuffer>> {
    const known = this.#known(options);
    const { info } = known.model;
    if (info.features === null) {
      const message = `the model "${info.id}" is a classifier: it gives a label, and no features`;
      throw new BlindsightError("invalid_argument", message);
    }
    const { output } = await this.#values([input], known, options);
    if (output.length !== info.features) {
      throw new BlindsightError(
        "bad_answer",
        "the answer does not have as many features as it should",
      );
    }
    return Float32Array.from(output);
  }

  /** Runs a model on numbers: channels first, then rows, then columns. */
  async run(input: Float32Array, options: RunOptions): Promise<RunResult> {
    if (!(input instanceof Float32Array)) {
      throw new BlindsightError("invalid_argument", "`run` takes a Float32Array");
    }
    const known = this.#known(options);
    const { output: values, ...costs } = await this.#values([input], known, options);
    return { values, ...costs };
  }

  /** The square crop of a picture, and the pixels that a model reads of it. Nothing is sent. */
  async preview(
    input: PictureInput,
    options: ModelChoice & { signal?: AbortSignal } = {},
  ): Promise<Preview> {
    const model = this.#model(options);
    return this.#guarded(options.signal, async (signal) => {
      const prepared = await preparePicture(this.#context.pool, model, input, signal);
      const { pixels, side, rgba } = prepared;
      const data = new Uint8ClampedArray(rgba.buffer, rgba.byteOffset, rgba.length);
      const { rows, columns } = model.info.input;
      return {
        square: { width: side, height: side, data },
        pixels: { width: columns, height: rows, rgb: pixels },
      };
    });
  }

  /**
   * The numbers in a text or a file, as many as a model reads and in its order. Nothing is sent. What
   * is wrong with them the error says by their places, never by their values.
   */
  async readNumbers(
    source: NumbersInput,
    options: ModelChoice = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const model = this.#model(options);
    return this.#guarded(undefined, () => readNumbers(source, model.info));
  }

  /** A model's contract, as the server sent it and this package accepted it: to be read, not trusted. */
  contract(options: ModelChoice = {}): Contract {
    const { contract } = this.#model(options);
    return JSON.parse(new TextDecoder().decode(contract.bytes)) as Contract;
  }

  /** The encrypted request for a picture, or for numbers. Nothing is sent. */
  async encrypt(
    input: PictureInput | Float32Array,
    options: DecryptOptions<LabelAnswer>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { record, model } = this.#known(options);
    const context = this.#context;
    return this.#guarded(options.signal, async (signal) => {
      const prepared = await prepareInput({ context, model, input, signal });
      return await encryptInput(context, model, record.secret, prepared, signal);
    });
  }

  /** The label in an encrypted answer, with the scores unless it is the label alone. Nothing is sent. */
  async decrypt<A extends LabelAnswer = "scores">(
    answer: Uint8Array,
    options: DecryptOptions<A>,
  ): Promise<LabelOf<A>> {
    const { record, model } = this.#known(classifying(options));
    const { pool } = this.#context;
    const { contract, info } = model;
    const input = { contract, secret: record.secret, answer: new Uint8Array(answer) };
    return this.#guarded(options.signal, async (signal) => {
      const label = isLabel(model.description.answer)
        ? named(info, await pool.run("decryptLabel", input, { signal }))
        : best(info, await pool.run("decrypt", input, { signal }));
      return label as LabelOf<A>;
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

  /**
   * Stops everything that is under way, wipes and ends the workers, deletes keys that are not kept.
   * All that takes effect at once; the result comes when the workers' memory is wiped.
   */
  async close(): Promise<void> {
    this.#unkept.deleteAll();
    this.#closing.abort(new BlindsightError("closed", "the client was closed"));
    await this.#context.pool.close();
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

  /** Runs work after all that was begun under the same name before. */
  async #inTurn<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    let done = () => {};
    const own = new Promise<void>((resolve) => (done = resolve));
    this.#turns.set(
      name,
      before.then(() => own),
    );
    try {
      await orAborted(before, signal);
      return await work();
    } finally {
      done();
    }
  }

  /** The labels of the inputs of one request: without scores where the contract says so. */
  async #labels<A extends LabelAnswer>(
    inputs: readonly (PictureInput | Float32Array)[],
    known: Known,
    options: RunOptions,
  ): Promise<Evaluated<LabelOf<A>[]>> {
    const { info, description } = known.model;
    if (isLabel(description.answer)) {
      const { output, ...costs } = await this.#evaluate("decryptLabel", inputs, known, options);
      return { output: [named(info, output) as LabelOf<A>], ...costs };
    }
    const { output, ...costs } = await this.#values(inputs, known, options);
    return { output: scored(info, output, inputs.length) as LabelOf<A>[], ...costs };
  }

  /** The values of an answer, input after input. */
  async #values(
    inputs: readonly (PictureInput | Float32Array)[],
    known: Known,
    options: RunOptions,
  ): Promise<Evaluated<number[]>> {
    const { info, description } = known.model;
    if (isLabel(description.answer)) {
      const message = `the model "${info.id}" answers with a label, and no values: use \`classify\``;
      throw new BlindsightError("answer_unavailable", message);
    }
    const { output, ...costs } = await this.#evaluate("decrypt", inputs, known, options);
    // A model for batches answers for every input that a request has room for: these were asked for.
    return { output: output.slice(0, inputs.length * valuesOf(info)), ...costs };
  }

  async #evaluate<N extends DecryptTask>(
    decrypt: N,
    inputs: readonly (PictureInput | Float32Array)[],
    { record, model }: Known,
    options: RunOptions,
  ): Promise<Evaluated<Tasks[N]["out"]>> {
    const sets = usefulSets(model.description, record.sets);
    if (missingPlaces(model.description, sets).length > 0) {
      const message = `keys of the model "${model.info.id}" are missing: call \`keys()\` for it first`;
      throw new BlindsightError("invalid_argument", message);
    }
    const onProgress = options.onProgress ?? (() => undefined);
    const context = this.#context;
    const { secret } = record;
    const leave = new LinkedAbort(options.signal);
    const stay = context.platform.onLeave(() =>
      leave.controller.abort(new BlindsightError("aborted", "the page was left")),
    );
    try {
      return await this.#guarded(leave.signal, (signal) => {
        const job: ClassifyJob = { context, model, secret, sets, inputs, signal, onProgress };
        return evaluate(job, decrypt);
      });
    } finally {
      stay();
      leave.release();
    }
  }

  #model(choice: ModelChoice): Model {
    return chosenModel(this.#offer, choice);
  }

  /** The keys and the model that are meant, which fit each other. */
  #known(options: { keys: Keys } & ModelChoice): Known {
    const keys = options?.keys;
    const record = keys && this.#handles.get(keys)?.record;
    if (!record) {
      const message = "`keys` must come from this client's `keys()`, and not be forgotten";
      throw new BlindsightError("invalid_argument", message);
    }
    const model = this.#model({ ...options, model: options.model ?? keys.model });
    if (model.description.identity !== record.identity) {
      const message = `the model "${model.info.id}" needs keys of its own: they are of another scheme`;
      throw new BlindsightError("invalid_argument", message);
    }
    return { record, model };
  }

  #handle(model: ModelInfo, persisted: boolean, { record, sent, timings }: ObtainedKeys): Keys {
    const name = `${record.scheme} ${persisted}`;
    const holder = this.#holders.get(name) ?? { record, persisted };
    // A lost key set took the secret with it: what the old one had is deleted already.
    for (const set of holder.record?.sets ?? []) {
      if (!record.sets.includes(set)) this.#unkept.forget(set);
    }
    holder.record = record;
    this.#holders.set(name, holder);
    const sets = record.sets.map(({ id, sha256, bytes }) => Object.freeze({ id, sha256, bytes }));
    const keys: Keys = Object.freeze({
      id: sets[0]?.id ?? "",
      sha256: sets[0]?.sha256 ?? "",
      sets: Object.freeze(sets),
      bytes: sets.reduce((sum, set) => sum + set.bytes, 0),
      sent,
      model: model.id,
      scheme: record.scheme,
      fresh: sent > 0,
      persisted,
      timings,
      forget: async (options: { signal?: AbortSignal } = {}) => {
        this.#handles.delete(keys);
        if (holder.record) await this.#forget(holder.record, persisted, options.signal);
      },
    });
    this.#handles.set(keys, holder);
    if (!persisted) for (const set of record.sets) this.#unkept.add(set);
    return keys;
  }

  /** Here at once, whatever the server says; then there. */
  async #forget(
    record: KeyRecord,
    persisted: boolean,
    asked: AbortSignal | undefined,
  ): Promise<void> {
    const { store, memory, server, pool, http } = this.#context;
    const name = `${record.scheme} ${persisted}`;
    const holder = this.#holders.get(name);
    // Every handle of these keys is void.
    if (holder) holder.record = null;
    this.#holders.delete(name);
    await this.#guarded(asked, async (signal) => {
      // Nothing that was made with the secret stays in the workers' memory, nor the seed here.
      const wiped = pool.retire();
      await (persisted ? store : memory).remove(server, record.scheme);
      await wiped;
      const uploads: UploadHandle[] = [...record.sets];
      if (record.upload) uploads.push(record.upload);
      for (const upload of uploads) this.#unkept.forget(upload);
      const retry = { signal, maxWaitSeconds: this.#context.maxWaitSeconds, attempts: 3 };
      const deleted = uploads.map((upload) =>
        withRetry(retry, () => deleteKeySet(http, upload, signal)),
      );
      await Promise.all(deleted);
    });
  }
}

/** Who asks for a label and does not say how gets scores: a label alone is asked for in so many words. */
function classifying<A extends LabelAnswer>(
  options: ClassifyOptions<A> | DecryptOptions<A>,
): RunOptions & { answer: LabelAnswer } {
  return { ...options, answer: options?.answer ?? "scores" };
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
