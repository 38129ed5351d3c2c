import { abortError, throwIfAborted } from "./abort.js";
import { hex } from "./bytes.js";
import type { Context } from "./context.js";
import { BlindsightError } from "./errors.js";
import { deleteKeySet, fetchKeySet } from "./http/keysets.js";
import { withRetry } from "./http/retry.js";
import type { RetryOptions } from "./http/retry.js";
import { TusUploads } from "./http/tus.js";
import type { UploadHandle } from "./http/tus.js";
import { frameStarts, keyStream } from "./key-stream.js";
import type { KeyProgress } from "./progress.js";
import type { KeyRecord } from "./store/store.js";
import type { ModelInfo } from "./types.js";
import { UploadGone, finishUpload } from "./upload.js";
import type { Description } from "./worker/messages.js";

/** Keys that are complete here and on the server. */
export interface ObtainedKeys {
  record: KeyRecord & { upload: UploadHandle; sha256: string };
  fresh: boolean;
  persisted: boolean;
  timings: { generate: number; upload: number; total: number };
}

/** What is wanted. */
export interface ObtainOptions {
  context: Context;
  model: ModelInfo;
  persist: boolean;
  signal: AbortSignal;
  onProgress: (progress: KeyProgress) => void;
}

/** Takes stored keys, or finishes an interrupted upload, or makes everything anew. */
export async function obtainKeys(options: ObtainOptions): Promise<ObtainedKeys> {
  return new Obtaining(options).run();
}

class Obtaining {
  readonly #options: ObtainOptions;
  readonly #began = performance.now();
  readonly #retry: RetryOptions;
  #fraction = 0;
  #generateSeconds = 0;

  constructor(options: ObtainOptions) {
    this.#options = options;
    this.#retry = {
      signal: options.signal,
      maxWaitSeconds: options.context.maxWaitSeconds,
      onPause: (pause) =>
        options.onProgress({ stage: "waiting", fraction: this.#fraction, ...pause }),
    };
  }

  async run(): Promise<ObtainedKeys> {
    const { context, model, persist, signal, onProgress } = this.#options;
    onProgress({ stage: "checking", fraction: 0 });
    const { description, manifest } = await context.pool.run("describe", {}, { signal });
    checkFit(model, description);
    let record = persist ? await this.#stored(description) : null;
    if (record?.sha256 && record.upload) {
      const { upload } = record;
      const known = await withRetry(this.#retry, () => fetchKeySet(context.http, upload, signal));
      if (known?.sha256 === record.sha256 && known.model === model.id) {
        return this.#ready({ ...record, upload, sha256: record.sha256 }, false, 0);
      }
      // Deleted or expired there. The secret is still good: the same keys are uploaded again.
      record = { ...record, upload: null, sha256: null, hash: null };
    }
    record ??= await this.#newRecord(description);
    onProgress({ stage: "checking", fraction: 1 });
    const uploadBegan = performance.now();
    const done = await this.#upload(record, description, manifest);
    return this.#ready(done, true, (performance.now() - uploadBegan) / 1000);
  }

  /** The stored record, if it is for these keys and opens. */
  async #stored(description: Description): Promise<KeyRecord | null> {
    const { context, model, signal } = this.#options;
    const record = await context.store.load(context.server, model.id);
    if (!record) return null;
    if (record.identity === description.identity) {
      try {
        await context.pool.run("checkSecret", { secret: record.secret }, { signal });
        return record;
      } catch (error) {
        if (!(error instanceof BlindsightError && error.code === "storage_corrupt")) throw error;
      }
    }
    // Of another release, or damaged. What the server has of it is useless: let it go.
    const { upload } = record;
    if (upload) await deleteKeySet(context.http, upload, signal).catch(() => undefined);
    throwIfAborted(signal);
    await context.store.remove(context.server, model.id);
    return null;
  }

  async #newRecord(description: Description): Promise<KeyRecord> {
    const { context, model, signal } = this.#options;
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
      "encrypt",
      "decrypt",
    ]);
    const sealed = await context.pool.run("generateSecret", { key }, { signal });
    const record: KeyRecord = {
      version: 1,
      server: context.server,
      model: model.id,
      createdAt: Date.now(),
      identity: description.identity,
      secret: { sealed, key },
      upload: null,
      sha256: null,
      hash: null,
    };
    await this.#save(record);
    return record;
  }

  async #upload(
    record: KeyRecord,
    description: Description,
    manifest: Uint8Array<ArrayBuffer>,
  ): Promise<ObtainedKeys["record"]> {
    for (let restarts = 0; ; restarts += 1) {
      try {
        return await this.#uploadOnce(record, description, manifest);
      } catch (error) {
        if (!(error instanceof UploadGone) || restarts >= 3) throw error;
        record.upload = null;
        record.hash = null;
      }
    }
  }

  async #uploadOnce(
    record: KeyRecord,
    description: Description,
    manifest: Uint8Array<ArrayBuffer>,
  ): Promise<ObtainedKeys["record"]> {
    const { context, model, signal, onProgress } = this.#options;
    const { pool, http } = context;
    const starts = frameStarts(description);
    const length = model.evaluationKeys.bytes;
    const total = description.keyBytes.length;
    const upload =
      record.upload ??
      (await withRetry(this.#retry, () => new TusUploads(http).create(model.id, length, signal)));
    if (!record.upload) {
      record.upload = upload;
      await this.#save(record);
    }
    const hash = new UploadHash(record, starts);
    let digest: Uint8Array | null = null;
    const generateBegan = performance.now();
    const frames = (from: number) => {
      // Frames that are left out count as made.
      let made = Math.max(0, starts.findIndex((start) => start > from) - 2);
      const report = () =>
        onProgress({
          stage: "generating",
          fraction: made / total,
          keysDone: made,
          keysTotal: total,
        });
      report();
      const onMade = () => {
        made += 1;
        if (made === total) this.#generateSeconds = (performance.now() - generateBegan) / 1000;
        report();
      };
      const { secret } = record;
      return keyStream({ pool, secret, description, manifest, from, signal, onMade });
    };
    try {
      const id = await finishUpload({
        http,
        upload,
        length,
        retry: this.#retry,
        frames,
        hashed: hash.offset,
        onStored: async (frame) => {
          const input = { state: hash.state, piece: frame.bytes };
          const hashed = await pool.run("hash", input, { signal });
          digest = hashed.digest;
          hash.state = hashed.state;
          hash.offset = frame.start + frame.bytes.length;
          record.hash = { offset: hash.offset, state: hashed.state };
          await this.#save(record);
        },
        onProgress: (bytesSent, resumed) => {
          this.#fraction = bytesSent / length;
          const fraction = this.#fraction;
          onProgress({ stage: "uploading", fraction, bytesSent, bytesTotal: length, resumed });
        },
      });
      return await this.#verify(
        record,
        { ...upload, id },
        digest ?? (await hash.digest(pool, signal)),
      );
    } catch (error) {
      if (signal.aborted) {
        this.#abandon(upload);
        throw abortError(signal);
      }
      throw error;
    }
  }

  /** The server must have exactly what was made here. */
  async #verify(
    record: KeyRecord,
    upload: UploadHandle,
    digest: Uint8Array,
  ): Promise<ObtainedKeys["record"]> {
    const { context, signal } = this.#options;
    const sha256 = hex(digest);
    const known = await withRetry(this.#retry, () => fetchKeySet(context.http, upload, signal));
    if (!known) throw new UploadGone(null);
    if (known.sha256 !== sha256) {
      await deleteKeySet(context.http, upload, signal).catch(() => undefined);
      record.upload = null;
      record.hash = null;
      await this.#save(record);
      const message = "the server stored other keys than those that were sent";
      throw new BlindsightError("protocol", message);
    }
    const done = { ...record, upload, sha256, hash: null };
    await this.#save(done);
    return done;
  }

  /** An aborted upload that nobody will continue. */
  #abandon(upload: UploadHandle): void {
    const { context, persist } = this.#options;
    if (persist) return;
    deleteKeySet(context.http, upload, AbortSignal.timeout(10_000)).catch(() => undefined);
  }

  async #save(record: KeyRecord): Promise<void> {
    if (this.#options.persist) await this.#options.context.store.save(record);
  }

  #ready(record: ObtainedKeys["record"], fresh: boolean, uploadSeconds: number): ObtainedKeys {
    const { context, persist, onProgress } = this.#options;
    // One worker goes on to encrypt; the others have done their work.
    context.pool.trim(1);
    onProgress({ stage: "ready", fraction: 1 });
    const timings = {
      generate: this.#generateSeconds,
      upload: uploadSeconds,
      total: (performance.now() - this.#began) / 1000,
    };
    return { record, fresh, persisted: persist, timings };
  }
}

/** The hash of an upload so far, if it was stored at the boundary of a frame. */
class UploadHash {
  offset = 0;
  state: Uint8Array<ArrayBuffer> | null = null;

  constructor(record: KeyRecord, starts: readonly number[]) {
    if (record.hash && starts.includes(record.hash.offset)) {
      this.offset = record.hash.offset;
      this.state = record.hash.state;
    }
  }

  /** The digest when no frame was left to add. */
  async digest(pool: Context["pool"], signal: AbortSignal): Promise<Uint8Array> {
    const input = { state: this.state, piece: new Uint8Array() };
    return (await pool.run("hash", input, { signal })).digest;
  }
}

/** The server's model and this package must mean the same keys. */
function checkFit(model: ModelInfo, description: Description): void {
  const { parameters, evaluationKeys, requestBytes } = model;
  const fits =
    parameters.fingerprint === description.fingerprint &&
    evaluationKeys.manifestBytes === description.manifestBytes &&
    evaluationKeys.keyBytes.length === description.keyBytes.length &&
    evaluationKeys.keyBytes.every((bytes, index) => bytes === description.keyBytes[index]) &&
    requestBytes === description.requestBytes;
  if (!fits) {
    const message = "this version of the package and the server use different parameters";
    throw new BlindsightError("incompatible", message);
  }
}
