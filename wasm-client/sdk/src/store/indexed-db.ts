import { BlindsightError } from "../errors.js";
import { IDENTIFIER, SHA256 } from "../validate.js";
import type { KeyRecord, KeyStore } from "./store.js";

const DATABASE = "blindsight";
/** With version 1 of the database a record belonged to one model: those are deleted. */
const DATABASE_VERSION = 2;
const TABLE = "keys";

/** Records in IndexedDB. The key in them is a `CryptoKey`: its bytes cannot be read from here. */
export class IndexedDbStore implements KeyStore {
  async load(server: string, scheme: string): Promise<KeyRecord | null> {
    if (typeof indexedDB === "undefined") return null;
    const found: unknown = await this.#run("readonly", (table) => table.get(name(server, scheme)));
    return isRecord(found) && found.server === server && found.scheme === scheme ? found : null;
  }

  async list(server: string): Promise<KeyRecord[]> {
    if (typeof indexedDB === "undefined") return [];
    const found: unknown[] = await this.#run("readonly", (table) => table.getAll());
    return found.filter(isRecord).filter((record) => record.server === server);
  }

  async save(record: KeyRecord): Promise<void> {
    const key = name(record.server, record.scheme);
    await this.#run("readwrite", (table) => table.put(record, key));
  }

  async remove(server: string, scheme: string): Promise<void> {
    if (typeof indexedDB === "undefined") return;
    await this.#run("readwrite", (table) => table.delete(name(server, scheme)));
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
      const request = indexedDB.open(DATABASE, DATABASE_VERSION);
      request.onupgradeneeded = () => {
        const database = request.result;
        if (database.objectStoreNames.contains(TABLE)) database.deleteObjectStore(TABLE);
        database.createObjectStore(TABLE);
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(refusal(request.error));
      request.onblocked = () => reject(refusal(null));
    } catch (error) {
      // Some browsers throw where storage is forbidden.
      reject(refusal(error));
    }
  });
}

function name(server: string, scheme: string): string {
  return `${server} ${scheme}`;
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
export function isRecord(value: unknown): value is KeyRecord {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Partial<KeyRecord>;
  const { secret, sets, upload } = record;
  return (
    record.version === 2 &&
    typeof record.server === "string" &&
    isHash(record.scheme) &&
    typeof record.createdAt === "number" &&
    isHash(record.identity) &&
    typeof secret === "object" &&
    secret.sealed instanceof Uint8Array &&
    secret.key instanceof CryptoKey &&
    Array.isArray(sets) &&
    sets.every((set) => isUpload(set) && isHash(set.sha256) && Number.isSafeInteger(set.bytes)) &&
    (upload === null ||
      (isUpload(upload) &&
        (upload.hash === null ||
          (typeof upload.hash === "object" &&
            Number.isSafeInteger(upload.hash.offset) &&
            upload.hash.state instanceof Uint8Array))))
  );
}

function isUpload<T extends { id: string; capability: string; keys: string[] }>(
  value: T | undefined,
): value is T {
  return (
    typeof value === "object" &&
    IDENTIFIER.test(value.id) &&
    IDENTIFIER.test(value.capability) &&
    Array.isArray(value.keys) &&
    value.keys.every(isHash)
  );
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && SHA256.test(value);
}
