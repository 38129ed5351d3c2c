import { BlindsightError } from "../errors.js";
import { IDENTIFIER, SHA256 } from "../validate.js";
import type { KeyRecord, KeyStore } from "./store.js";

const DATABASE = "blindsight";
const TABLE = "keys";

/** Records in IndexedDB. The key in them is a `CryptoKey`: its bytes cannot be read from here. */
export class IndexedDbStore implements KeyStore {
  async load(server: string, model: string): Promise<KeyRecord | null> {
    if (typeof indexedDB === "undefined") return null;
    const found: unknown = await this.#run("readonly", (table) => table.get(name(server, model)));
    return isRecord(found) && found.server === server && found.model === model ? found : null;
  }

  async save(record: KeyRecord): Promise<void> {
    const key = name(record.server, record.model);
    await this.#run("readwrite", (table) => table.put(record, key));
  }

  async remove(server: string, model: string): Promise<void> {
    if (typeof indexedDB === "undefined") return;
    await this.#run("readwrite", (table) => table.delete(name(server, model)));
  }

  async #run<T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => IDBRequest<T>) {
    const database = await open();
    try {
      return await new Promise<T>((resolve, reject) => {
        const transaction = database.transaction(TABLE, mode);
        const request = work(transaction.objectStore(TABLE));
        const refuse = () => reject(refusal(transaction.error ?? request.error));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = refuse;
        transaction.onerror = refuse;
      });
    } catch (error) {
      throw refusal(error);
    } finally {
      database.close();
    }
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    try {
      const request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(refusal(request.error));
      request.onblocked = () => reject(refusal(null));
    } catch (error) {
      // Some browsers throw where storage is forbidden.
      reject(refusal(error));
    }
  });
}

function name(server: string, model: string): string {
  return `${server} ${model}`;
}

function refusal(cause: unknown): BlindsightError {
  if (cause instanceof BlindsightError) return cause;
  if (cause instanceof DOMException && cause.name === "QuotaExceededError") {
    const message =
      "this browser has no room left to store the keys: free some space and try again";
    return new BlindsightError("storage_quota", message, { cause });
  }
  const message = "this browser does not let keys be stored (a private window may be the reason)";
  return new BlindsightError("storage_unavailable", message, { cause });
}

/** Whether this is a record of ours: what lies in a database may be of any age. */
function isRecord(value: unknown): value is KeyRecord {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Partial<KeyRecord>;
  const { secret, upload, sha256, hash } = record;
  return (
    record.version === 1 &&
    typeof record.server === "string" &&
    typeof record.model === "string" &&
    typeof record.createdAt === "number" &&
    typeof record.identity === "string" &&
    typeof secret === "object" &&
    secret.sealed instanceof Uint8Array &&
    secret.key instanceof CryptoKey &&
    (upload === null ||
      (typeof upload === "object" &&
        IDENTIFIER.test(upload.id) &&
        IDENTIFIER.test(upload.capability))) &&
    (sha256 === null || (typeof sha256 === "string" && SHA256.test(sha256))) &&
    (hash === null ||
      (typeof hash === "object" &&
        Number.isSafeInteger(hash.offset) &&
        hash.state instanceof Uint8Array))
  );
}
