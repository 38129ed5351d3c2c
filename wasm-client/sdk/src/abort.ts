import { BlindsightError } from "./errors.js";

/** Stops here if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/** The error of an aborted call. */
export function abortError(signal: AbortSignal): BlindsightError {
  if (signal.reason instanceof BlindsightError) return signal.reason;
  return new BlindsightError("aborted", "the call was aborted", { cause: signal.reason });
}

/** Waits; an aborted wait rejects. */
export function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal));
    const stop = () => {
      clearTimeout(timer);
      reject(abortError(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** The promise's outcome, unless the signal fires first. The promise itself goes on. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal));
    const stop = () => reject(abortError(signal));
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** A controller that also fires with any of the signals. `release` when it is no longer needed. */
export class LinkedAbort {
  readonly controller = new AbortController();
  readonly #unlink: (() => void)[] = [];

  /** Links to all signals that there are. */
  constructor(...signals: (AbortSignal | undefined)[]) {
    for (const signal of signals) {
      if (!signal) continue;
      const fire = () => this.controller.abort(signal.reason);
      if (signal.aborted) fire();
      signal.addEventListener("abort", fire, { once: true });
      this.#unlink.push(() => signal.removeEventListener("abort", fire));
    }
  }

  /** Fires with any of the linked signals. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Lets go of the linked signals: they may live much longer. */
  release(): void {
    for (const unlink of this.#unlink) unlink();
  }
}
