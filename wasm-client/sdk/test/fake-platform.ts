import { createHash } from "node:crypto";

import { CoreClient } from "../src/client.js";
import { connect as open } from "../src/connect.js";
import type { ConnectOptions } from "../src/types.js";
import type { Platform } from "../src/platform/platform.js";
import type { KeyRecord, KeyStore } from "../src/store/store.js";
import type { Description, ReplyMessage, TaskMessage } from "../src/worker/messages.js";

/** Keys of a few bytes. */
export const DESCRIPTION: Description = {
  fingerprint: "ab".repeat(32),
  identity: "cd".repeat(32),
  log2Degree: 15,
  wireVersion: 1,
  keyGenerationVersion: 1,
  manifestBytes: 10,
  keyBytes: [100, 50, 70, 30, 20, 90],
  requestBytes: 40,
  version: "fake",
};

/** A store in memory that survives its clients, like that of a browser. */
export class MemoryStore implements KeyStore {
  readonly records = new Map<string, KeyRecord>();
  failure: Error | null = null;

  load(server: string, model: string): Promise<KeyRecord | null> {
    return Promise.resolve(structuredClone(this.records.get(server + model) ?? null));
  }

  save(record: KeyRecord): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.records.set(record.server + record.model, structuredClone(record));
    return Promise.resolve();
  }

  remove(server: string, model: string): Promise<void> {
    this.records.delete(server + model);
    return Promise.resolve();
  }
}

/** Workers that answer at once, and count. */
export class FakeWorkers {
  started = 0;
  running = 0;
  made: number[] = [];
  /** No two secrets are the same. */
  #secrets = 0;
  /** To be called when the page is left. */
  readonly leave = new Set<(forGood: boolean) => void>();
  /** Delays an answer. */
  delay: (message: TaskMessage) => Promise<void> = () => Promise.resolve();

  answer(message: TaskMessage): unknown {
    switch (message.task) {
      case "describe":
        return { description: DESCRIPTION, manifest: new Uint8Array(10).fill(1) };
      case "generateSecret":
        this.#secrets += 1;
        return new Uint8Array(61).fill(this.#secrets);
      case "checkSecret":
        return true;
      case "evaluationKey": {
        const { secret, index } = message.input;
        this.made.push(index);
        const bytes = new Uint8Array(DESCRIPTION.keyBytes[index] ?? 0);
        // A function of the secret, as real keys are.
        bytes.fill((secret.sealed[0] ?? 0) ^ index);
        return { bytes, sha256: digest(bytes) };
      }
      case "hash": {
        // The "state" is everything so far.
        const { state, piece } = message.input;
        const all = new Uint8Array([...(state ?? []), ...piece]);
        return { state: all, digest: digest(all) };
      }
      case "encrypt":
        return new Uint8Array(DESCRIPTION.requestBytes).fill(7);
      case "decrypt":
        return { class: 3, scores: Array.from({ length: 10 }, (_, i) => (i === 3 ? 1 : 0)) };
      default:
        throw new Error(`the fake cannot ${message.task}`);
    }
  }
}

function digest(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
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
          const reply: ReplyMessage = { id: message.id, ok: true, output: workers.answer(message) };
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
    const { context, server } = await open(platform, url, options);
    return new TestClient(context, server);
  }
}
