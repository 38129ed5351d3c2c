import { abortError, throwIfAborted } from "./abort.js";
import { hex } from "./bytes.js";
import type { Context } from "./context.js";
import type { Model } from "./contracts.js";
import { BlindsightError } from "./errors.js";
import { deleteKeySet, fetchKeySet } from "./http/keysets.js";
import { withRetry } from "./http/retry.js";
import type { RetryOptions } from "./http/retry.js";
import { TusUploads } from "./http/tus.js";
import { missingPlaces, namesOf, sameNames, usefulSets } from "./key-sets.js";
import { keyStream, makeBundle } from "./key-stream.js";
import type { Bundle } from "./key-stream.js";
import type { KeyProgress } from "./progress.js";
import type { KeyRecord, KeySetRecord, KeyStore, UploadRecord } from "./store/store.js";
import { UploadGone, finishUpload } from "./upload.js";

/** Keys that are complete, here and on the server, for one model at least. */
export interface ObtainedKeys {
  record: KeyRecord;
  /** Bytes of keys that were uploaded now. */
  sent: number;
  timings: { generate: number; upload: number; total: number };
}

/** What is wanted. */
export interface ObtainOptions {
  context: Context;
  model: Model;
  /** Where the record is kept: on this device, or in memory. */
  store: KeyStore;
  persist: boolean;
  signal: AbortSignal;
  onProgress: (progress: KeyProgress) => void;
}

/** Takes the keys that there are, and makes and uploads those that the model needs beyond. */
export async function obtainKeys(options: ObtainOptions): Promise<ObtainedKeys> {
  return new Obtaining(options).run();
}

class Obtaining {
  readonly #options: ObtainOptions;
  readonly #began = performance.now();
  readonly #retry: RetryOptions;
  #fraction = 0;
  #generateSeconds = 0;
  #sent = 0;

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
    const { context, onProgress } = this.#options;
    onProgress({ stage: "checking", fraction: 0 });
    let record = (await this.#stored()) ?? (await this.#newRecord());
    if (await this.#lost(record)) record = await this.#renewed(record);
    onProgress({ stage: "checking", fraction: 1 });
    const uploadBegan = performance.now();
    record = await this.#complete(record);
    const upload = this.#sent > 0 ? (performance.now() - uploadBegan) / 1000 : 0;
    // One worker goes on to encrypt; the others have done their work.
    await context.pool.trim(1);
    onProgress({ stage: "ready", fraction: 1 });
    const total = (performance.now() - this.#began) / 1000;
    const timings = { generate: this.#generateSeconds, upload, total };
    return { record, sent: this.#sent, timings };
  }

  /** The stored record, if it is for this scheme and opens. */
  async #stored(): Promise<KeyRecord | null> {
    const { context, store, model, signal } = this.#options;
    const { contract, description } = model;
    const record = await store.load(context.server, description.scheme);
    if (!record) return null;
    if (record.identity === description.identity) {
      try {
        await context.pool.run("checkSecret", { contract, secret: record.secret }, { signal });
        return record;
      } catch (error) {
        if (!(error instanceof BlindsightError && error.code === "storage_corrupt")) throw error;
      }
    }
    // Of another release, or damaged.
    await this.#drop(record);
    return null;
  }

  /** Lets a secret go. What the server has of it is useless then, and deleted if that succeeds. */
  async #drop(record: KeyRecord): Promise<void> {
    const { context, store, signal } = this.#options;
    for (const keys of [...record.sets, ...(record.upload ? [record.upload] : [])]) {
      await deleteKeySet(context.http, keys, signal).catch(() => undefined);
    }
    throwIfAborted(signal);
    await store.remove(context.server, record.scheme);
  }

  /**
   * A new secret, without any keys yet.
   *
   * From one seed nothing is ever sent twice, but the rest of an interrupted upload. Keys that were
   * sent may have been kept by anybody. If the same seed gave others now, because a sampler changed
   * and nobody raised the version, one secret and error would be public under two uniform halves.
   */
  async #renewed(record: KeyRecord): Promise<KeyRecord> {
    await this.#drop(record);
    return this.#newRecord();
  }

  async #newRecord(): Promise<KeyRecord> {
    const { context, model, signal } = this.#options;
    const { contract, description } = model;
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
      "encrypt",
      "decrypt",
    ]);
    const sealed = await context.pool.run("generateSecret", { contract, key }, { signal });
    const record: KeyRecord = {
      version: 2,
      server: context.server,
      scheme: description.scheme,
      createdAt: Date.now(),
      identity: description.identity,
      secret: { sealed, key },
      sets: [],
      upload: null,
    };
    await this.#save(record);
    return record;
  }

  /** Whether the server has deleted a key set, or it expired there, or another stands in its place. */
  async #lost(record: KeyRecord): Promise<boolean> {
    const { context, signal } = this.#options;
    const known = await Promise.all(
      record.sets.map(async (set) => {
        const found = await withRetry(this.#retry, () => fetchKeySet(context.http, set, signal));
        return found?.sha256 === set.sha256 && found.scheme === record.scheme;
      }),
    );
    return !known.every(Boolean);
  }

  /** Uploads what the model needs and the server does not have: with a new secret if it must be. */
  async #complete(begun: KeyRecord): Promise<KeyRecord> {
    let record = begun;
    for (let restarts = 0; ; restarts += 1) {
      const { description } = this.#options.model;
      const useful = usefulSets(description, record.sets);
      const places = missingPlaces(description, useful);
      if (places.length === 0 && useful.length > 0) return record;
      const { upload } = record;
      // Another model was wanted then: some of these keys may have been sent.
      if (upload && !sameNames(upload.keys, namesOf(description, places))) {
        record = await this.#renewed(record);
        continue;
      }
      try {
        await this.#upload(record, useful, places);
        return record;
      } catch (error) {
        if (!(error instanceof UploadGone) || restarts >= 3) throw error;
        record = await this.#renewed(record);
      }
    }
  }

  async #upload(record: KeyRecord, useful: KeySetRecord[], places: number[]): Promise<void> {
    const { context, model, signal, onProgress } = this.#options;
    const { pool, http } = context;
    const bundle = await makeBundle(pool, model.contract, model.description, places, signal);
    const length = bundle.starts.at(-1) ?? 0;
    const upload = await this.#begun(record, useful, namesOf(model.description, places), length);
    const hash = new UploadHash(upload, bundle.starts);
    let digest: Uint8Array | null = null;
    try {
      const id = await finishUpload({
        http,
        upload,
        length,
        retry: this.#retry,
        frames: this.#frames(record, bundle),
        hashed: hash.offset,
        onStored: async (frame) => {
          const input = { state: hash.state, piece: frame.bytes };
          const hashed = await pool.run("hash", input, { signal });
          digest = hashed.digest;
          hash.state = hashed.state;
          hash.offset = frame.start + frame.bytes.length;
          upload.hash = { offset: hash.offset, state: hashed.state };
          await this.#save(record);
        },
        onProgress: (bytesSent, resumed) => {
          this.#fraction = bytesSent / length;
          const fraction = this.#fraction;
          onProgress({ stage: "uploading", fraction, bytesSent, bytesTotal: length, resumed });
        },
      });
      const sha256 = hex(digest ?? (await hash.digest(pool, signal)));
      const { capability, keys } = upload;
      await this.#verified(record, { id, capability, sha256, bytes: length, keys });
    } catch (error) {
      if (signal.aborted) {
        await this.#abandon(record, upload);
        throw abortError(signal);
      }
      throw error;
    }
    this.#sent += length;
  }

  /** The upload of these keys: the one that was interrupted, or a new one. */
  async #begun(
    record: KeyRecord,
    useful: KeySetRecord[],
    keys: string[],
    length: number,
  ): Promise<UploadRecord> {
    const { context, model, signal } = this.#options;
    const { http } = context;
    if (record.upload) return record.upload;
    // All key sets of a secret are under one capability, even if this model needs none of them.
    const have = useful.length > 0 ? useful : record.sets.slice(0, 1);
    const handle = await withRetry(this.#retry, () =>
      new TusUploads(http).create({ model: model.info.id, length, have }, signal),
    );
    const begun = { ...handle, keys, hash: null };
    record.upload = begun;
    await this.#save(record);
    return begun;
  }

  #frames(record: KeyRecord, bundle: Bundle) {
    const { context, signal, onProgress } = this.#options;
    const total = bundle.places.length;
    const generateBegan = performance.now();
    return (from: number) => {
      // Frames that are left out count as made.
      let made = Math.max(0, bundle.starts.findIndex((start) => start > from) - 2);
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
      return keyStream({ pool: context.pool, secret, bundle, from, signal, onMade });
    };
  }

  /** The server must have exactly what was made here. */
  async #verified(record: KeyRecord, set: KeySetRecord): Promise<void> {
    const { context, signal } = this.#options;
    const known = await withRetry(this.#retry, () => fetchKeySet(context.http, set, signal));
    if (!known) throw new UploadGone(null);
    const same = known.sha256 === set.sha256 && known.scheme === record.scheme;
    if (same) {
      record.upload = null;
      record.sets = [...record.sets, set];
      await this.#save(record);
    } else {
      await this.#drop(record);
      const message = "the server stored other keys than those that were sent";
      throw new BlindsightError("protocol", message);
    }
  }

  /** An aborted upload that nobody will continue. Its secret goes with it, unless other keys have it. */
  async #abandon(record: KeyRecord, upload: UploadRecord): Promise<void> {
    const { context, persist, store } = this.#options;
    if (persist) return;
    if (record.sets.length === 0) await store.remove(context.server, record.scheme);
    deleteKeySet(context.http, upload, AbortSignal.timeout(10_000)).catch(() => undefined);
  }

  async #save(record: KeyRecord): Promise<void> {
    await this.#options.store.save(record);
  }
}

/** The hash of an upload so far, if it was stored at the boundary of a frame. */
class UploadHash {
  offset = 0;
  state: Uint8Array<ArrayBuffer> | null = null;

  constructor({ hash }: UploadRecord, starts: readonly number[]) {
    if (hash && starts.includes(hash.offset)) {
      this.offset = hash.offset;
      this.state = hash.state;
    }
  }

  /** The digest when no frame was left to add. */
  async digest(pool: Context["pool"], signal: AbortSignal): Promise<Uint8Array> {
    const input = { state: this.state, piece: new Uint8Array() };
    return (await pool.run("hash", input, { signal })).digest;
  }
}
