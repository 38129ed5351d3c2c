/** Why something failed. Codes are stable; sentences may change. */
export type BlindsightErrorCode =
  /** The caller's `AbortSignal` fired, or the page was left while a picture was classified. */
  | "aborted"
  /** The client was closed. */
  | "closed"
  /** An argument makes no sense. */
  | "invalid_argument"
  /** The model does not give the answer that was asked for: the label alone, or scores. */
  | "answer_unavailable"
  /** WebAssembly, workers or WebCrypto are missing (WebCrypto needs HTTPS or localhost). */
  | "unsupported_environment"
  /** The file is no picture that wasm or this browser can decode. */
  | "unsupported_picture"
  /** The picture is too large to decode. */
  | "picture_too_large"
  /** The text or file does not hold the numbers that the model reads. */
  | "unsupported_numbers"
  /** The server could not be reached, even after several tries. */
  | "network"
  /** The server did not answer in time. */
  | "timeout"
  /** The server's queue stayed full for longer than `maxWaitSeconds`. */
  | "server_busy"
  /** A quota is used up that is full again only later: no wait of minutes would help. */
  | "quota_exceeded"
  /** The server answered with a failure of its own. */
  | "server_error"
  /** The server wants a (different) service token. */
  | "unauthorized"
  /** The server no longer has these keys: call `client.keys()` again. */
  | "keys_lost"
  /** The server refused the upload of the keys. */
  | "upload_refused"
  /** The server refused the request. */
  | "request_refused"
  /** This version of the package and the server do not fit each other. */
  | "incompatible"
  /** The server said something that makes no sense. */
  | "protocol"
  /** What the server says of a model is nothing that this client should act upon. */
  | "contract_refused"
  /** The evaluation failed on the server. */
  | "job_failed"
  /** Somebody cancelled the job on the server. */
  | "job_cancelled"
  /** The result is no longer there. */
  | "result_gone"
  /** The encrypted answer is malformed. */
  | "bad_answer"
  /** Keys cannot be stored here: IndexedDB is missing or blocked. */
  | "storage_unavailable"
  /** The browser has no room left for storing keys. */
  | "storage_quota"
  /** Stored keys cannot be opened. */
  | "storage_corrupt"
  /** The system gives no random bytes. */
  | "no_entropy"
  /** A worker or the WebAssembly module could not be started, or died. */
  | "worker_failed";

/** Details that may accompany an error. */
export interface BlindsightErrorOptions extends ErrorOptions {
  /** HTTP status, if the server answered. */
  status?: number;
  /** The server's own code (`code` of its problem document). */
  serverCode?: string;
  /** After how many seconds the server wants to be asked again, if it said so. */
  retryAfterSeconds?: number;
  /** Which of several inputs or examples is to blame, from 0. */
  index?: number;
}

/** The only class of error that this package throws. */
export class BlindsightError extends Error {
  override readonly name = "BlindsightError";
  /** Stable code for programs. */
  readonly code: BlindsightErrorCode;
  /** The section of the package's documentation about this code. */
  readonly docs: string;
  /** HTTP status, if the server answered. */
  readonly status: number | undefined;
  /** The server's own code (`code` of its problem document). */
  readonly serverCode: string | undefined;
  /** After how many seconds the server wants to be asked again, if it said so. */
  readonly retryAfterSeconds: number | undefined;
  /** Which of several inputs or examples is to blame, from 0. */
  readonly index: number | undefined;

  /** An error with a stable code and a sentence for people. */
  constructor(code: BlindsightErrorCode, message: string, options: BlindsightErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.docs = `blindsight/ERRORS.md#${code}`;
    this.status = options.status;
    this.serverCode = options.serverCode;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.index = options.index;
  }
}
