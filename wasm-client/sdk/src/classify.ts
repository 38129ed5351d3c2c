import { abortError, onAbort, orAborted, throwIfAborted } from "./abort.js";
import type { Context } from "./context.js";
import type { Model } from "./contracts.js";
import { BlindsightError } from "./errors.js";
import { cancelJob, fetchResult, isFinal, submitJob } from "./http/jobs.js";
import type { Job } from "./http/jobs.js";
import { isGone, keysLost } from "./http/keysets.js";
import { withRetry } from "./http/retry.js";
import type { RetryOptions } from "./http/retry.js";
import { watchJob } from "./http/watch.js";
import { preparePicture } from "./pictures.js";
import type { ClassifyProgress } from "./progress.js";
import type { KeySetRecord } from "./store/store.js";
import type { PictureInput, RunResult } from "./types.js";
import type { SealedSecret, Tasks } from "./worker/messages.js";

/** What is wanted. */
export interface ClassifyJob {
  context: Context;
  model: Model;
  secret: SealedSecret;
  /** Key sets that hold every key of the model. */
  sets: readonly KeySetRecord[];
  /** One, or as many as a request of the model holds. */
  inputs: readonly (PictureInput | Float32Array)[];
  signal: AbortSignal;
  onProgress: (progress: ClassifyProgress) => void;
}

/** The ways to decrypt an answer: to values, or to the number of a class. */
export type DecryptTask = "decrypt" | "decryptLabel";

/** What was decrypted, and what it cost. */
export interface Evaluated<T> extends Omit<RunResult, "values"> {
  output: T;
}

/** How much of the whole each stage is, before it begins. */
const FRACTION = {
  preparing: 0,
  encrypting: 0.01,
  sending: 0.02,
  queued: 0.04,
  evaluating: 0.05,
  receiving: 0.97,
  decrypting: 0.99,
} as const;

/** From pictures, or numbers, to what the answer holds. */
export async function evaluate<N extends DecryptTask>(
  options: ClassifyJob,
  decrypt: N,
): Promise<Evaluated<Tasks[N]["out"]>> {
  const { context, model, secret, signal } = options;
  const { contract } = model;
  const { pool } = context;
  const report = monotonic(options.onProgress);
  const clock = new Clock();

  report({ stage: "preparing", fraction: FRACTION.preparing });
  const prepared = await prepareInputs(options);
  const prepare = clock.lap();

  report({ stage: "encrypting", fraction: FRACTION.encrypting });
  const request = await encryptInput(context, model, secret, prepared, signal);
  const encrypt = clock.lap();

  report({ stage: "sending", fraction: FRACTION.sending, bytesTotal: request.length });
  const retry: RetryOptions = {
    signal,
    maxWaitSeconds: context.maxWaitSeconds,
    onPause: (pause) => report({ stage: "waiting", fraction: 0, ...pause }),
  };
  const submitted = await submit(options, request, retry);
  const send = clock.lap();
  const capability = options.sets[0]?.capability ?? "";
  const { id } = submitted;
  // In the moment of the abort, not a turn later: a page that is left has no more turns.
  const cancel = () => cancelJob(context.http, { id, capability });
  const unlink = onAbort(signal, cancel);

  try {
    if (signal.aborted) cancel();
    const running = { began: null as number | null };
    const follow = (job: Job) => {
      if (job.state === "running") running.began ??= performance.now();
      const progress = progressOf(job);
      if (progress) report(progress);
    };
    follow(submitted);
    const job = isFinal(submitted)
      ? submitted
      : await watchJob({ http: context.http, id, capability, retry, onJob: follow });
    const waited = clock.lap();
    checkOutcome(job);

    report({ stage: "receiving", fraction: FRACTION.receiving });
    const most = model.info.bytes.answer;
    const answer = await withRetry(retry, () =>
      fetchResult(context.http, { id, capability }, most, signal),
    ).catch((error: unknown) => {
      throw isGone(error) ? resultGone(error) : error;
    });
    const download = clock.lap();

    report({ stage: "decrypting", fraction: FRACTION.decrypting });
    const received = answer.length;
    const output = await pool.run(decrypt, { contract, secret, answer }, { signal });
    const decrypted = clock.lap();
    report({ stage: "done", fraction: 1 });

    const evaluate = Math.min(job.evaluateSeconds ?? waited, waited);
    return {
      output,
      seconds: {
        prepare,
        encrypt,
        upload: send,
        queue: waited - evaluate,
        evaluate,
        download,
        decrypt: decrypted,
        total: clock.total(),
      },
      bytes: { request: request.length, response: received },
    };
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    throw isGone(error) ? keysLost(error) : error;
  } finally {
    unlink();
  }
}

/** What the network will read. */
export async function prepareInput(options: {
  context: Context;
  model: Model;
  input: PictureInput | Float32Array;
  signal: AbortSignal;
}): Promise<Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>> {
  const { context, model, input, signal } = options;
  // A copy: the caller's own must not change while workers have it.
  if (input instanceof Float32Array) return new Float32Array(input);
  const { pixels, rgba } = await preparePicture(context.pool, model, input, signal);
  rgba.fill(0);
  return pixels;
}

/** All inputs one after another. */
async function prepareInputs({
  inputs,
  ...job
}: ClassifyJob): Promise<Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>> {
  const [first, ...others] = inputs;
  if (first !== undefined && others.length === 0) return prepareInput({ ...job, input: first });
  const parts: (Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>)[] = [];
  try {
    for (const [index, input] of inputs.entries()) {
      parts.push(await prepareInput({ ...job, input }).catch(blaming(index)));
    }
    return joined(parts);
  } finally {
    for (const part of parts) part.fill(0);
  }
}

/** Throws an error again that says which input it is about. */
export function blaming(index: number): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof BlindsightError) || error.code === "aborted") throw error;
    const { code, status, serverCode } = error;
    throw new BlindsightError(code, `input ${index}: ${error.message}`, {
      cause: error,
      index,
      ...(status !== undefined && { status }),
      ...(serverCode !== undefined && { serverCode }),
    });
  };
}

/** Arrays of one kind, which whoever calls has made sure of. */
function joined(
  parts: readonly (Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>)[],
): Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const isNumbers = parts[0] instanceof Float32Array;
  const whole = isNumbers ? new Float32Array(length) : new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The encrypted request. What was prepared is overwritten. */
export async function encryptInput(
  { pool }: Context,
  { contract }: Model,
  secret: SealedSecret,
  prepared: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (prepared instanceof Float32Array) {
      return await pool.run("encryptValues", { contract, secret, values: prepared }, { signal });
    }
    return await pool.run("encryptPicture", { contract, secret, pixels: prepared }, { signal });
  } finally {
    prepared.fill(0);
  }
}

/**
 * Submits the request. Repeating it is harmless: the server knows the key of the first try.
 *
 * When the caller gives up while a request is under way, the server may have accepted it. So the
 * request goes on in the background, and the job is cancelled as soon as its identifier is known.
 */
async function submit(
  options: ClassifyJob,
  request: Uint8Array<ArrayBuffer>,
  retry: RetryOptions,
): Promise<Job> {
  const { context, model, sets, signal } = options;
  const idempotencyKey = crypto.randomUUID();
  try {
    return await withRetry(retry, async () => {
      throwIfAborted(signal);
      const own = AbortSignal.timeout(120_000);
      const keys = { model: model.info.id, sets };
      const sent = submitJob(context.http, keys, request, idempotencyKey, own);
      return orAborted(sent, signal).catch((error: unknown) => {
        if (signal.aborted) {
          const capability = sets[0]?.capability ?? "";
          sent.then((job) => cancelJob(context.http, { id: job.id, capability })).catch(() => {});
        }
        throw error;
      });
    });
  } catch (error) {
    // The model itself may be gone, too.
    const isModel = error instanceof BlindsightError && error.serverCode === "unknown_model";
    throw isGone(error) && !isModel ? keysLost(error) : error;
  }
}

function progressOf(job: Job): ClassifyProgress | null {
  if (job.state === "queued") {
    return { stage: "queued", fraction: FRACTION.queued, position: job.position ?? 0 };
  }
  if (job.state !== "running") return null;
  const { step, steps, etaSeconds } = job;
  const done = steps > 0 ? step / steps : 0;
  const fraction = FRACTION.evaluating + (FRACTION.receiving - FRACTION.evaluating) * done;
  return { stage: "evaluating", fraction, step, steps, etaSeconds };
}

/** Fractions never fall, whatever the server says: a job may start again after a restart. */
function monotonic(tell: (progress: ClassifyProgress) => void): (p: ClassifyProgress) => void {
  let most = 0;
  return (progress) => {
    most = Math.max(most, progress.fraction);
    tell(progress.stage === "done" ? progress : { ...progress, fraction: most });
  };
}

function checkOutcome(job: Job): void {
  switch (job.state) {
    case "done":
      return;
    case "cancelled":
      throw new BlindsightError("job_cancelled", "the job was cancelled on the server");
    default: {
      const { code, detail } = job.error ?? { code: "unknown", detail: "the evaluation failed" };
      throw new BlindsightError("job_failed", detail, { serverCode: code });
    }
  }
}

function resultGone(cause: unknown): BlindsightError {
  return new BlindsightError("result_gone", "the result is no longer there", { cause });
}

/** Times one stage after another, in seconds. */
class Clock {
  readonly #began = performance.now();
  #last = this.#began;

  lap(): number {
    const now = performance.now();
    const seconds = (now - this.#last) / 1000;
    this.#last = now;
    return seconds;
  }

  total(): number {
    return (performance.now() - this.#began) / 1000;
  }
}
