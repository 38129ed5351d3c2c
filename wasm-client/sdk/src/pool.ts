import { abortError } from "./abort.js";
import { BlindsightError } from "./errors.js";
import type { Platform, Port } from "./platform/platform.js";
import type { ReplyMessage, TaskMessage, TaskName, Tasks } from "./worker/messages.js";

interface Pending {
  message: TaskMessage;
  transfer: Transferable[];
  resolve: (output: unknown) => void;
  reject: (error: BlindsightError) => void;
  signal: AbortSignal;
  /** Stops listening to the signal. */
  release: () => void;
}

/** A worker with at most one task at a time: it can be ended without harm to another's. */
interface Slot {
  port: Port;
  task: Pending | null;
}

/** Workers that share a queue of tasks. They are started when needed. */
export class WorkerPool {
  readonly #platform: Platform;
  readonly #size: number;
  readonly #slots = new Set<Slot>();
  readonly #queue: Pending[] = [];
  #nextId = 1;
  #closed = false;

  /** At most `size` workers at a time. */
  constructor(platform: Platform, size: number) {
    this.#platform = platform;
    this.#size = size;
  }

  /** Workers at most. */
  get size(): number {
    return this.#size;
  }

  /** Runs a task on the next free worker. An aborted task takes its worker with it. */
  run<N extends TaskName>(
    task: N,
    input: Tasks[N]["in"],
    options: { signal: AbortSignal; transfer?: Transferable[] },
  ): Promise<Tasks[N]["out"]> {
    const { signal, transfer = [] } = options;
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closed());
      if (signal.aborted) return reject(abortError(signal));
      const stop = () => this.#stop(pending, abortError(signal));
      const pending: Pending = {
        message: { id: this.#nextId++, task, input } as TaskMessage,
        transfer,
        signal,
        resolve: resolve as (output: unknown) => void,
        reject,
        release: () => signal.removeEventListener("abort", stop),
      };
      signal.addEventListener("abort", stop, { once: true });
      this.#queue.push(pending);
      this.#advance();
    });
  }

  /** Ends idle workers, and with them their memory and opened secrets, until `count` are left. */
  trim(count: number): void {
    for (const slot of this.#slots) {
      if (this.#slots.size <= count) return;
      if (!slot.task) this.#end(slot);
    }
  }

  /** Ends everything. */
  close(): void {
    this.#closed = true;
    for (const pending of this.#queue.splice(0)) settle(pending, closed());
    for (const slot of [...this.#slots]) {
      const { task } = slot;
      this.#end(slot);
      if (task) settle(task, closed());
    }
  }

  #advance(): void {
    for (;;) {
      // Tasks of one signal are stopped one after another: none of them shall start in between.
      const next = this.#queue.findIndex((pending) => !pending.signal.aborted);
      if (next < 0) return;
      const slot = [...this.#slots].find((candidate) => !candidate.task) ?? this.#spawn();
      if (!slot) return;
      const [pending] = this.#queue.splice(next, 1);
      if (!pending) return;
      slot.task = pending;
      slot.port.keepAlive(true);
      try {
        slot.port.post(pending.message, pending.transfer);
      } catch (error) {
        slot.task = null;
        const message = "a worker cannot be given this input";
        settle(pending, new BlindsightError("invalid_argument", message, { cause: error }));
      }
    }
  }

  #spawn(): Slot | null {
    if (this.#slots.size >= this.#size) return null;
    // The port exists before any event: workers start asynchronously.
    const slot = { task: null } as unknown as Slot;
    slot.port = this.#platform.spawn({
      onReply: (reply) => this.#replied(slot, reply),
      onFailure: (message) => this.#failed(slot, message),
    });
    this.#slots.add(slot);
    return slot;
  }

  #replied(slot: Slot, reply: ReplyMessage): void {
    const { task } = slot;
    if (!task || task.message.id !== reply.id || !this.#slots.has(slot)) return;
    slot.task = null;
    slot.port.keepAlive(false);
    if (reply.ok) {
      task.release();
      task.resolve(reply.output);
    } else {
      if (reply.fatal) this.#end(slot);
      settle(task, new BlindsightError(reply.code, reply.message));
    }
    this.#advance();
  }

  #failed(slot: Slot, message: string): void {
    if (!this.#slots.has(slot)) return;
    const { task } = slot;
    this.#end(slot);
    if (task) settle(task, new BlindsightError("worker_failed", `a worker failed: ${message}`));
    this.#advance();
  }

  #stop(pending: Pending, error: BlindsightError): void {
    const at = this.#queue.indexOf(pending);
    if (at >= 0) this.#queue.splice(at, 1);
    for (const slot of [...this.#slots]) {
      if (slot.task === pending) this.#end(slot);
    }
    settle(pending, error);
    this.#advance();
  }

  #end(slot: Slot): void {
    slot.task = null;
    this.#slots.delete(slot);
    slot.port.terminate();
  }
}

function settle(pending: Pending, error: BlindsightError): void {
  pending.release();
  pending.reject(error);
}

function closed(): BlindsightError {
  return new BlindsightError("closed", "the client was closed");
}
