import { sleep } from "../abort.js";
import { BlindsightError } from "../errors.js";

/** A pause before another try. */
export interface Pause {
  reason: "busy" | "network";
  attempt: number;
  retryInSeconds: number;
}

/** How long and how loudly to try. */
export interface RetryOptions {
  signal: AbortSignal;
  /** Longest time from the first failure to the last try. */
  maxWaitSeconds: number;
  onPause?: (pause: Pause) => void;
  /** Default: without limit. */
  attempts?: number;
}

const FIRST_PAUSE_SECONDS = 0.5;
const LONGEST_PAUSE_SECONDS = 15;
/** A server that asks for more is asked earlier. */
const LONGEST_RETRY_AFTER_SECONDS = 120;

/** Counts failures in a row and waits longer after each. */
export class Retry {
  readonly #options: RetryOptions;
  #failures = 0;
  #firstFailure = 0;

  /** Nothing has failed yet. */
  constructor(options: RetryOptions) {
    this.#options = options;
  }

  /** Waits until the next try, or throws what cannot be helped by another try. */
  async after(error: unknown): Promise<void> {
    if (!isTemporary(error)) throw error;
    if (this.#failures === 0) this.#firstFailure = Date.now();
    this.#failures += 1;
    const waited = (Date.now() - this.#firstFailure) / 1000;
    const { attempts = Infinity, maxWaitSeconds, signal, onPause } = this.#options;
    if (this.#failures >= attempts || waited >= maxWaitSeconds) throw error;
    const seconds = Math.min(this.#pause(error), Math.max(0.1, maxWaitSeconds - waited));
    onPause?.({
      reason: error.code === "server_busy" ? "busy" : "network",
      attempt: this.#failures,
      retryInSeconds: seconds,
    });
    await sleep(seconds, signal);
  }

  /** Something went well: the next failure is the first again. */
  succeeded(): void {
    this.#failures = 0;
  }

  #pause(error: BlindsightError): number {
    if (error.retryAfterSeconds !== undefined) {
      return Math.min(Math.max(error.retryAfterSeconds, 0.1), LONGEST_RETRY_AFTER_SECONDS);
    }
    const longest = FIRST_PAUSE_SECONDS * 2 ** Math.min(this.#failures - 1, 10);
    // Clients that failed together should not come back together.
    return Math.min(longest, LONGEST_PAUSE_SECONDS) * (0.75 + Math.random() / 4);
  }
}

/** Tries until it works, or cannot work. */
export async function withRetry<T>(options: RetryOptions, work: () => Promise<T>): Promise<T> {
  const retry = new Retry(options);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await retry.after(error);
    }
  }
}

/** Whether another try may help. */
function isTemporary(error: unknown): error is BlindsightError {
  if (!(error instanceof BlindsightError)) return false;
  switch (error.code) {
    case "network":
    case "timeout":
    case "server_busy":
      return true;
    case "server_error":
      return error.status === 502 || error.status === 503 || error.status === 504;
    default:
      return error.status === 408;
  }
}
