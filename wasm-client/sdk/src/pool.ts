import { abortError, onAbort } from "./abort.js";
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
  /** It ends after its task. */
  last: boolean;
  /** Told when its memory was wiped. */
  onWiped: (() => void) | null;
}

/** The identifier of the message that wipes: no task has it. */
const WIPE = 0;

/** A worker that has not wiped its memory by then is ended as it is. */
const WIPE_MS = 2000;

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
      const unlink = onAbort(signal, () => this.#stop(pending, abortError(signal)));
      const pending: Pending = {
        message: { id: this.#nextId++, task, input } as TaskMessage,
        transfer,
        signal,
        resolve: resolve as (output: unknown) => void,
        reject,
        release: unlink,
      };
      this.#queue.push(pending);
      this.#advance();
    });
  }

  /** Wipes and ends idle workers until `count` are left. */
  async trim(count: number): Promise<void> {
    const ended: Promise<void>[] = [];
    for (const slot of [...this.#slots]) {
      if (this.#slots.size <= count) break;
      if (!slot.task) ended.push(this.#end(slot));
    }
    await Promise.all(ended);
  }

  /** Wipes and ends every worker: the busy ones when they have done their task. */
  async retire(): Promise<void> {
    for (const slot of this.#slots) slot.last = true;
    await this.trim(0);
  }

  /** Wipes and ends everything. The result comes when it is done; the call itself takes effect at once. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const pending of this.#queue.splice(0)) settle(pending, closed());
    const ended: Promise<void>[] = [];
    for (const slot of [...this.#slots]) {
      const { task } = slot;
      ended.push(this.#end(slot));
      if (task) settle(task, closed());
    }
    await Promise.all(ended);
  }

  #advance(): void {
    for (;;) {
      // Tasks of one signal are stopped one after another: none of them shall start in between.
      const next = this.#queue.findIndex((pending) => !pending.signal.aborted);
      if (next < 0) return;
      const idle = (slot: Slot) => !slot.task && !slot.last;
      const slot = [...this.#slots].find(idle) ?? this.#spawn();
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
    const slot = { task: null, last: false, onWiped: null } as unknown as Slot;
    slot.port = this.#platform.spawn({
      onReply: (reply) => this.#replied(slot, reply),
      onFailure: (message) => this.#failed(slot, message),
    });
    this.#slots.add(slot);
    return slot;
  }

  #replied(slot: Slot, reply: ReplyMessage): void {
    if (reply.id === WIPE) return slot.onWiped?.();
    const { task } = slot;
    if (!task || task.message.id !== reply.id || !this.#slots.has(slot)) return;
    slot.task = null;
    slot.port.keepAlive(false);
    if (slot.last || (!reply.ok && reply.fatal)) void this.#end(slot);
    if (reply.ok) {
      task.release();
      task.resolve(reply.output);
    } else {
      settle(task, new BlindsightError(reply.code, reply.message));
    }
    this.#advance();
  }

  #failed(slot: Slot, message: string): void {
    // Nobody is left to wipe anything.
    slot.onWiped?.();
    if (!this.#slots.has(slot)) return;
    const { task } = slot;
    slot.task = null;
    this.#slots.delete(slot);
    slot.port.terminate();
    if (task) settle(task, new BlindsightError("worker_failed", `a worker failed: ${message}`));
    this.#advance();
  }

  #stop(pending: Pending, error: BlindsightError): void {
    const at = this.#queue.indexOf(pending);
    if (at >= 0) this.#queue.splice(at, 1);
    for (const slot of [...this.#slots]) {
      if (slot.task === pending) void this.#end(slot);
    }
    settle(pending, error);
    this.#advance();
  }

  /** A worker that is ended just so leaves its memory as it was, for whoever gets to see it. */
  async #end(slot: Slot): Promise<void> {
    slot.task = null;
    this.#slots.delete(slot);
    try {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, WIPE_MS);
        slot.onWiped = () => {
          clearTimeout(timer);
          resolve();
        };
        slot.port.post({ id: WIPE, task: "wipe", input: {} }, []);
      });
    } catch {
      // It takes no messages any more.
    } finally {
      slot.port.terminate();
    }
  }
}

function settle(pending: Pending, error: BlindsightError): void {
  pending.release();
  pending.reject(error);
}

function closed(): BlindsightError {
  return new BlindsightError("closed", "the client was closed");
}
