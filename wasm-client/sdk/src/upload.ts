import { BlindsightError } from "./errors.js";
import { hex } from "./bytes.js";
import type { Http } from "./http/http.js";
import { isGone } from "./http/keysets.js";
import { Refusal } from "./http/problem.js";
import { Retry } from "./http/retry.js";
import type { RetryOptions } from "./http/retry.js";
import { TusUploads } from "./http/tus.js";
import type { UploadHandle, UploadState } from "./http/tus.js";
import type { KeyFrame } from "./key-stream.js";

/** An upload that is to be finished. */
export interface UploadJob {
  http: Http;
  upload: UploadHandle;
  length: number;
  retry: RetryOptions;
  /** The frames from an offset on: always the same bytes. */
  frames: (from: number) => ReadableStream<KeyFrame>;
  /** What of the upload the hash covers already. */
  hashed: number;
  /** A frame beyond `hashed` that the server has now. */
  onStored: (frame: KeyFrame) => Promise<void>;
  onProgress: (bytesSent: number, resumed: boolean) => void;
}

/** The server no longer knows the upload: it must be announced anew. */
export class UploadGone extends BlindsightError {
  constructor(cause: unknown) {
    super("upload_refused", "the server no longer knows this upload", { cause });
  }
}

/** Sends what the server does not have yet, and returns the identifier of the key set. */
export async function finishUpload(job: UploadJob): Promise<string> {
  const tus = new TusUploads(job.http);
  const retry = new Retry(job.retry);
  const { signal } = job.retry;
  let state: UploadState | null = null;
  let resumed = false;
  let hashed = job.hashed;
  for (;;) {
    let reader: ReadableStreamDefaultReader<KeyFrame> | undefined;
    try {
      state ??= await tus.state(job.upload, job.length, signal);
      if (state.offset > 0) resumed = true;
      job.onProgress(state.offset, resumed);
      // The hash needs every frame; the server only those that it lacks.
      reader = job.frames(Math.min(state.offset, hashed)).getReader();
      while (state.keys === null || hashed < job.length) {
        const { done, value: frame } = await reader.read();
        if (done) break;
        state = await send(tus, job, frame, state, retry);
        if (frame.start >= hashed) {
          await job.onStored(frame);
          hashed = frame.start + frame.bytes.length;
        }
        job.onProgress(state.offset, resumed);
      }
      if (state.keys !== null) return state.keys;
      throw new BlindsightError("protocol", "the upload is complete, but the server says nothing");
    } catch (error) {
      state = null;
      if (isGone(error)) throw new UploadGone(error);
      await retry.after(isConflict(error) ? temporary(error) : uploadRefusal(error));
      resumed = true;
    } finally {
      await reader?.cancel().catch(() => undefined);
    }
  }
}

/** Brings one frame to the server. After a broken connection it goes on where the server is. */
async function send(
  tus: TusUploads,
  job: UploadJob,
  frame: KeyFrame,
  state: UploadState,
  retry: Retry,
): Promise<UploadState> {
  const { signal } = job.retry;
  const end = frame.start + frame.bytes.length;
  let now = state;
  while (now.offset < end) {
    if (now.offset < frame.start) {
      // The server has lost what it had: the frames must be made from there again.
      throw new BlindsightError("network", "the server has less of the upload than before");
    }
    const piece = await rest(frame, now.offset);
    try {
      now = await tus.append(job.upload, piece, job.length, signal);
      retry.succeeded();
    } catch (error) {
      if (isGone(error)) throw error;
      await retry.after(isConflict(error) ? temporary(error) : uploadRefusal(error));
      now = await tus.state(job.upload, job.length, signal);
      job.onProgress(now.offset, true);
    }
  }
  return now;
}

async function rest(frame: KeyFrame, offset: number) {
  const whole = offset === frame.start;
  const bytes = whole ? frame.bytes : frame.bytes.slice(offset - frame.start);
  const digest = whole
    ? frame.sha256
    : new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { offset, bytes, sha256: digest, sha256Hex: hex(digest) };
}

/** Another offset (409), a checksum that does not match (460), a lock (423): ask where we are. */
function isConflict(error: unknown): error is Refusal {
  return error instanceof Refusal && [409, 423, 460].includes(error.status ?? 0);
}

function temporary(error: Refusal): BlindsightError {
  return new BlindsightError("network", error.message, { cause: error });
}

function uploadRefusal(error: unknown): unknown {
  if (!(error instanceof Refusal) || error.code !== "request_refused") return error;
  const details = { cause: error, ...(error.status !== undefined && { status: error.status }) };
  const code = error.serverCode === undefined ? {} : { serverCode: error.serverCode };
  return new BlindsightError("upload_refused", error.message, { ...details, ...code });
}
