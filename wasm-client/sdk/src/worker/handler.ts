// Runs in a worker: from messages to the WebAssembly module. No code here may be shared with the
// page's thread.
import { BlindsightError } from "../errors.js";
import type { BlindsightErrorCode } from "../errors.js";
import type { Description } from "../generated.js";
import * as wasm from "../wasm/blindsight_wasm.js";
import { bitmapPixels, decodedByPlatform } from "./pixels.js";
import type {
  ContractBytes,
  Pixels,
  Prepared,
  ReplyMessage,
  SealedSecret,
  TaskMessage,
  TaskName,
  Tasks,
} from "./messages.js";

/** Answers one message after another. `load` starts the module when it is first needed. */
export class Handler {
  readonly #load: () => Promise<wasm.InitOutput>;
  #instance: Promise<wasm.InitOutput> | undefined;
  readonly #contracts = new Map<string, wasm.Contract>();
  /** What is under way: a wipe must not come in between. */
  #running: Promise<unknown> = Promise.resolve();
  #wiped = false;

  /** `load` must resolve to the one instance of the module. */
  constructor(load: () => Promise<wasm.InitOutput>) {
    this.#load = load;
  }

  /** The answer, and what can be moved instead of copied. Never throws. */
  async handle(message: TaskMessage): Promise<{ reply: ReplyMessage; transfer: ArrayBuffer[] }> {
    const { id } = message;
    try {
      const work = message.task === "wipe" ? this.#wipe() : this.#run(message);
      if (message.task !== "wipe") this.#running = work.catch(() => undefined);
      const output = await work;
      return { reply: { id, ok: true, output }, transfer: buffers(output) };
    } catch (error) {
      return { reply: { id, ok: false, ...described(error) }, transfer: [] };
    }
  }

  /** A task, and no trace of its secrets after it. */
  async #run(message: WorkMessage): Promise<Tasks[TaskName]["out"]> {
    try {
      const instance = await this.#start();
      return await this.#work(message, instance);
    } finally {
      for (const bytes of plainOf(message)) bytes.fill(0);
      if (this.#instance) wipeStack();
    }
  }

  async #work(message: WorkMessage, instance: wasm.InitOutput): Promise<Tasks[TaskName]["out"]> {
    switch (message.task) {
      case "describe":
        return this.#contract(message.input.contract).describe() as Description;
      case "manifest": {
        const { contract, places } = message.input;
        return own(this.#contract(contract).manifest(new Uint32Array(places)));
      }
      case "generateSecret": {
        const contract = this.#contract(message.input.contract);
        return own(await wasm.ClientKeys.generate(contract, message.input.key));
      }
      case "checkSecret":
        return this.#withKeys(message.input, () => true);
      case "evaluationKey": {
        const { input } = message;
        const bytes = await this.#withKeys(input, (keys, contract) =>
          own(keys.evaluationKey(contract, input.place)),
        );
        const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
        return { bytes, sha256 };
      }
      case "hash":
        return hashed(message.input.state, message.input.piece);
      case "prepareFile": {
        const { file, mostSide, platform } = message.input;
        if (platform) return this.#prepare(message.input, await decodedByPlatform(file));
        const bytes = file instanceof Blob ? new Uint8Array(await file.arrayBuffer()) : file;
        try {
          return taken(wasm.prepareFile(this.#contract(message.input.contract), bytes, mostSide));
        } finally {
          bytes.fill(0);
        }
      }
      case "prepareBitmap":
        return this.#prepare(message.input, bitmapPixels(message.input.bitmap));
      case "preparePixels":
        return this.#prepare(message.input, message.input.pixels);
      case "encryptPicture": {
        const { input } = message;
        return this.#withKeys(input, (keys, contract) =>
          own(keys.encryptPicture(contract, input.pixels)),
        );
      }
      case "encryptValues": {
        const { input } = message;
        return this.#withKeys(input, (keys, contract) =>
          own(keys.encryptValues(contract, input.values)),
        );
      }
      case "decrypt": {
        const { input } = message;
        return this.#withKeys(input, (keys, contract) => {
          const scores = keys.decrypt(contract, input.answer);
          try {
            return [...scores];
          } finally {
            scores.fill(0);
          }
        });
      }
      case "decryptLabel": {
        const { input } = message;
        return this.#withKeys(input, (keys, contract) => keys.decryptLabel(contract, input.answer));
      }
      case "memory":
        return instance.memory.buffer.byteLength;
    }
  }

  async #start(): Promise<wasm.InitOutput> {
    if (this.#wiped) throw new BlindsightError("worker_failed", "this worker was wiped");
    try {
      return await (this.#instance ??= this.#load());
    } catch (error) {
      this.#instance = undefined;
      const message = `the WebAssembly module cannot be started: ${String(error)}`;
      throw new BlindsightError("worker_failed", message, { cause: error });
    }
  }

  /** The checked contract. The last ones stay, because nearly every task needs one. */
  #contract({ sha256, bytes }: ContractBytes): wasm.Contract {
    const known = this.#contracts.get(sha256);
    if (known) return known;
    // First, so that there are never more of them.
    const [oldest] = this.#contracts;
    if (oldest && this.#contracts.size >= MOST_CONTRACTS) {
      this.#contracts.delete(oldest[0]);
      oldest[1].free();
    }
    const contract = wasm.Contract.parse(bytes);
    this.#contracts.set(sha256, contract);
    return contract;
  }

  /**
   * The secret key exists for one piece of work. Deriving it takes a millisecond or two, so nothing
   * is gained by keeping it. Which models it may be used for, the module checks each time.
   */
  async #withKeys<T>(
    input: { contract: ContractBytes; secret: SealedSecret },
    work: (keys: wasm.ClientKeys, contract: wasm.Contract) => T,
  ): Promise<T> {
    const { sealed, key } = input.secret;
    const contract = this.#contract(input.contract);
    const keys = await wasm.ClientKeys.open(contract, sealed, key);
    try {
      return work(keys, contract);
    } finally {
      keys.free();
    }
  }

  #prepare(
    { contract, mostSide }: { contract: ContractBytes; mostSide: number },
    { data, width, height }: Pixels,
  ): Prepared {
    try {
      return taken(wasm.preparePixels(this.#contract(contract), data, width, height, mostSide));
    } finally {
      data.fill(0);
    }
  }

  /** After the task under way, if there is one: what it writes must be wiped as well. */
  async #wipe(): Promise<true> {
    this.#wiped = true;
    await this.#running;
    const instance = await this.#instance?.catch(() => undefined);
    this.#instance = undefined;
    for (const contract of this.#contracts.values()) freed(contract);
    this.#contracts.clear();
    // The secrets are gone already. This takes all else: public bytes, and what a crash left.
    if (instance) new Uint8Array(instance.memory.buffer).fill(0);
    return true;
  }
}

/** Every task but the one that wipes. */
type WorkMessage = Exclude<TaskMessage, { task: "wipe" }>;

/** What a task brought in clear. These are the worker's own copies. */
function plainOf(message: WorkMessage): (Uint8Array | Float32Array)[] {
  switch (message.task) {
    case "encryptPicture":
      return [message.input.pixels];
    case "encryptValues":
      return [message.input.values];
    case "preparePixels":
      return [message.input.pixels.data];
    case "prepareFile":
      return message.input.file instanceof Blob ? [] : [message.input.file];
    default:
      return [];
  }
}

/** An instance that panicked must not be called again, but its memory is wiped with it. */
function wipeStack(): void {
  if (place() === undefined) wasm.wipeStack();
}

/** So that no finaliser comes to an instance that is gone. */
function freed(contract: wasm.Contract): void {
  try {
    contract.free();
  } catch {
    // The instance crashed before.
  }
}

/** Contracts that a worker keeps at a time: the tables of each scheme may take 50 MB. */
const MOST_CONTRACTS = 4;

function hashed(state: Uint8Array | null, piece: Uint8Array): Tasks["hash"]["out"] {
  const hash = state ? wasm.StreamingHash.fromState(state) : new wasm.StreamingHash();
  try {
    hash.update(piece);
    return { state: own(hash.state()), digest: own(hash.digest()) };
  } finally {
    hash.free();
  }
}

function taken(picture: wasm.PreparedPicture): Prepared {
  try {
    return { pixels: own(picture.pixels), side: picture.side, rgba: own(picture.rgba) };
  } finally {
    picture.free();
  }
}

/** The module's arrays are copies out of its memory: they have buffers of their own. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

function buffers(output: unknown): ArrayBuffer[] {
  const values: unknown[] =
    output instanceof Uint8Array || typeof output !== "object" || output === null
      ? [output]
      : Object.values(output);
  const found = values.filter((value) => value instanceof Uint8Array);
  return found.map((bytes) => bytes.buffer as ArrayBuffer);
}

function described(error: unknown): { code: BlindsightErrorCode; message: string; fatal: boolean } {
  if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) {
    const message = `the WebAssembly module stopped at ${place() ?? error.message}`;
    return { code: "worker_failed", message, fatal: true };
  }
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (typeof code !== "string" || !MODULE_CODES.has(code)) {
    return { code: "worker_failed", message, fatal: true };
  }
  const known = code as BlindsightErrorCode;
  return { code: known, message, fatal: known === "worker_failed" };
}

/** The codes of `wasm-client/src/error.rs`. */
const MODULE_CODES: ReadonlySet<string> = new Set<BlindsightErrorCode>([
  "invalid_argument",
  "unsupported_picture",
  "picture_too_large",
  "contract_refused",
  "bad_answer",
  "storage_corrupt",
  "no_entropy",
  "unsupported_environment",
  "worker_failed",
]);

function place(): string | undefined {
  try {
    return wasm.lastPanic();
  } catch {
    return undefined;
  }
}
