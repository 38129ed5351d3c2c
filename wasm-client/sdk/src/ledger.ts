/** What a request was for. */
export type RequestKind =
  | "models"
  | "contract"
  | "key-upload"
  | "key-state"
  | "key-deletion"
  | "classification-request"
  | "progress"
  | "result"
  | "cancellation";

/** One request that left this device: emitted when it is over, however it ended. */
export interface LedgerEntry {
  /** Number of the request, from 1. */
  id: number;
  /** When it started, in milliseconds since 1970. */
  time: number;
  method: string;
  /** Path and query on the server. */
  url: string;
  what: RequestKind;
  /** HTTP status, or null if there was no answer. */
  status: number | null;
  /** Bytes of the body that was sent. */
  requestBytes: number;
  /** Bytes of the body that came back. */
  responseBytes: number;
  /** SHA-256 (hex) of the body that was sent, or null if there was none. */
  sha256: string | null;
  /** The first bytes of the body that was sent, 64 at most. */
  head: Uint8Array;
}
