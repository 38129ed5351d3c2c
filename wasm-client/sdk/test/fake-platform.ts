import { createHash } from "node:crypto";

import { CoreClient } from "../src/client.js";
import { connect as open } from "../src/connect.js";
import { BlindsightError } from "../src/errors.js";
import type { ConnectOptions } from "../src/types.js";
import type { Platform } from "../src/platform/platform.js";
import type { KeyRecord, KeyStore } from "../src/store/store.js";
import type { Description } from "../src/generated.js";
import type { ContractBytes, ReplyMessage, TaskMessage } from "../src/worker/messages.js";

/** A contract of the fakes is the JSON of what a worker says of it. */
export function contractOf(description: Description): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify({ ...description, sha256: "" }));
}

const name = (key: string) => createHash("sha256").update(key).digest("hex");

/** A model with keys of a few bytes. Keys with the same letter are the same. */
export function fakeModel(id: string, keys: string, change: Partial<Description> = {}) {
  const description: Description = {
    id,
    title: `The model ${id}`,
    classes: Array.from({ length: 10 }, (_, index) => `class ${index}`),
    features: null,
    answer: "scores",
    inputs: 1,
    sha256: "",
    scheme: "ab".repeat(32),
    identity: "cd".repeat(32),
    keyList: name(keys),
    keys: [...keys].map((key) => ({ name: name(key), bytes: 20 + (key.charCodeAt(0) % 7) * 15 })),
    manifestBytes: 4 + keys.length,
    input: { kind: "photo", shape: [3, 32, 32], largest: 64 },
    requestBytes: 40,
    answerBytes: 90_000,
    forecast: { seconds: 2.5, memoryBytes: 1e9, log2Failure: -40, scoreError: 0.05 },
    ...change,
  };
  return { description, bytes: contractOf(description) };
}

/** The label alone of a model: with the same keys and further ones. */
export function labelOf(
  { description }: ReturnType<typeof fakeModel>,
  further: string,
  change: Partial<Description> = {},
) {
  const id = `${description.id}.label`;
  const more = fakeModel(id, further).description;
  const keys = [...description.keys, ...more.keys];
  const manifestBytes = 4 + keys.length;
  const own = { id, answer: "label", keyList: more.keyList, keys, manifestBytes } as const;
  const all: Description = { ...description, ...own, answerBytes: 3_700, ...change };
  return { description: all, bytes: contractOf(all) };
}

/** The first model of most scenes. */
export const MODEL = fakeModel("fake-model", "abcdef");
/** The lengths of its keys. */
export const KEY_BYTES = MODEL.description.keys.map((key) => key.bytes);

/** A store that survives its clients, like that of a browser. */
export class DeviceStore implements KeyStore {
  readonly records = new Map<string, KeyRecord>();
  failure: Error | null = null;

  load(server: string, scheme: string): Promise<KeyRecord | null> {
    return Promise.resolve(structuredClone(this.records.get(server + scheme) ?? null));
  }

  list(server: string): Promise<KeyRecord[]> {
    const records = [...this.records.values()].filter((record) => record.server === server);
    return Promise.resolve(structuredClone(records));
  }

  save(record: KeyRecord): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.records.set(record.server + record.scheme, structuredClone(record));
    return Promise.resolve();
  }

  remove(server: string, scheme: string): Promise<void> {
    this.records.delete(server + scheme);
    return Promise.resolve();
  }
}

/** Workers that answer at once, and count. */
export class FakeWorkers {
  started = 0;
  running = 0;
  /** Workers that were told to wipe their memory. */
  wiped = 0;
  made: number[] = [];
  /** What was encrypted: pixels or numbers. */
  encrypted: number[][] = [];
  /** The class that label answers hold. */
  label: number | undefined = 3;
  /** How answers were decrypted. */
  decrypted: ("decrypt" | "decryptLabel")[] = [];
  /** No two secrets are the same. */
  #secrets = 0;
  /** To be called when the page is left. */
  readonly leave = new Set<(forGood: boolean) => void>();
  /** Delays an answer. */
  delay: (message: TaskMessage) => Promise<void> = () => Promise.resolve();

  answer(message: TaskMessage): unknown {
    switch (message.task) {
      case "describe": {
        const description = said(message.input.contract);
        if (description.title.includes("weak")) {
          throw new BlindsightError("contract_refused", "the scheme: too weak");
        }
        return description;
      }
      case "manifest":
        return new Uint8Array(4 + message.input.places.length).fill(1);
      case "generateSecret":
        this.#secrets += 1;
        return new Uint8Array(61).fill(this.#secrets);
      case "checkSecret":
        return true;
      case "wipe":
        this.wiped += 1;
        return true;
      case "evaluationKey": {
        const { contract, secret, place } = message.input;
        const key = said(contract).keys[place];
        this.made.push(place);
        const bytes = new Uint8Array(key?.bytes ?? 0);
        // A function of the secret and of what the key is, as real keys are.
        bytes.fill((secret.sealed[0] ?? 0) ^ parseInt(key?.name.slice(0, 2) ?? "0", 16));
        return { bytes, sha256: digest(bytes) };
      }
      case "hash": {
        // The "state" is everything so far.
        const { state, piece } = message.input;
        const all = new Uint8Array([...(state ?? []), ...piece]);
        return { state: all, digest: digest(all) };
      }
      case "encryptPicture":
      case "encryptValues": {
        const { input } = message;
        this.encrypted.push([...("values" in input ? input.values : input.pixels)]);
        return new Uint8Array(said(message.input.contract).requestBytes).fill(7);
      }
      case "decrypt":
      case "decryptLabel": {
        const { task } = message;
        const description = said(message.input.contract);
        if (description.answer.startsWith("label") !== (task === "decryptLabel")) {
          throw new BlindsightError("invalid_argument", "the contract has another answer");
        }
        this.decrypted.push(task);
        return task === "decryptLabel" ? this.label : answered(description);
      }
      default:
        throw new Error(`the fake cannot ${message.task}`);
    }
  }
}

/** For each input that there is room for, as many values as there are classes or features. */
function answered({ classes, features, inputs }: Description): number[] {
  const width = features ?? classes.length;
  return Array.from({ length: inputs * width }, (_, at) => (at % width === 3 ? 1 : 0));
}

function said({ sha256, bytes }: ContractBytes): Description {
  return { ...(JSON.parse(new TextDecoder().decode(bytes)) as Description), sha256 };
}

function digest(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

function replyTo(workers: FakeWorkers, message: TaskMessage): ReplyMessage {
  const { id } = message;
  try {
    return { id, ok: true, output: workers.answer(message) };
  } catch (error) {
    if (!(error instanceof BlindsightError)) throw error;
    return { id, ok: false, code: error.code, message: error.message, fatal: false };
  }
}

/** A platform of such workers. */
export function fakePlatform(workers: FakeWorkers, store: KeyStore): Platform {
  return {
    persistByDefault: true,
    missing: () => null,
    spawn({ onReply }) {
      workers.started += 1;
      workers.running += 1;
      let alive = true;
      return {
        post(message) {
          const reply = replyTo(workers, message);
          void workers.delay(message).then(() => {
            if (alive) queueMicrotask(() => onReply(reply));
          });
        },
        terminate() {
          alive = false;
          workers.running -= 1;
        },
        keepAlive: () => undefined,
      };
    },
    cores: () => 3,
    store: () => store,
    exclusively: (_name, _signal, work) => work(),
    onLeave(listener) {
      workers.leave.add(listener);
      return () => workers.leave.delete(listener);
    },
    resolve: (url) => new URL(url),
  };
}

/** A client on a fake platform. */
export class TestClient extends CoreClient {
  static async connect(
    platform: Platform,
    url: string,
    options: ConnectOptions = {},
  ): Promise<TestClient> {
    const { context, offer } = await open(platform, url, options);
    return new TestClient(context, offer);
  }
}
