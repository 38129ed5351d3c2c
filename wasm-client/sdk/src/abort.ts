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

/** Who wants to hear of a signal. One listener for all: a signal that many calls share has no more. */
const hearers = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls back when the signal fires. Returns how to stop that. */
export function onAbort(signal: AbortSignal, hear: () => void): () => void {
  let all = hearers.get(signal);
  if (!all) {
    all = new Set();
    hearers.set(signal, all);
  }
  const others = all;
  if (others.size === 0) signal.addEventListener("abort", tellAll);
  others.add(hear);
  return () => {
    others.delete(hear);
    if (others.size === 0) signal.removeEventListener("abort", tellAll);
  };
}

function tellAll(this: AbortSignal): void {
  const all = hearers.get(this) ?? new Set();
  // Whoever is let go of meanwhile hears nothing, as with listeners.
  for (const hear of [...all]) if (all.has(hear)) hear();
}

/** Waits; an aborted wait rejects. */
export function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal));
    const unlink = onAbort(signal, () => {
      unlink();
      clearTimeout(timer);
      reject(abortError(signal));
    });
    const timer = setTimeout(() => {
      unlink();
      resolve();
    }, seconds * 1000);
  });
}

/** The promise's outcome, unless the signal fires first. The promise itself goes on. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal));
    const unlink = onAbort(signal, () => reject(abortError(signal)));
    promise.then(resolve, reject).finally(unlink);
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
      this.#unlink.push(onAbort(signal, fire));
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
