import { LinkedAbort, abortError } from "../abort.js";
import { hex, sha256 } from "../bytes.js";
import { BlindsightError } from "../errors.js";
import type { RequestKind } from "../ledger.js";
import { Ledger } from "./ledger.js";
import { refusal } from "./problem.js";

/** A request below the server's base URL. */
export interface HttpRequest {
  method: "GET" | "HEAD" | "POST" | "PATCH" | "DELETE";
  path: string;
  what: RequestKind;
  headers?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the body (hex), if it is known already. */
  sha256?: string;
  capability?: string;
  signal: AbortSignal;
  /** Statuses that are answers; every other becomes an error. */
  accept: readonly number[];
  /** Longest body accepted. Default: 1 MiB. */
  mostBytes?: number;
  /** Default: 30. */
  timeoutSeconds?: number;
}

/** An answer, read in full. */
export interface HttpAnswer {
  status: number;
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
}

/** A stream of bytes that the server keeps open. */
export interface HttpStream {
  headers: Headers;
  chunks: AsyncGenerator<Uint8Array>;
}

/** Longer bodies are sent as blobs. */
const BLOB_BYTES = 1 << 19;

/** Requests to one server, each with its entry in the ledger. */
export class Http {
  readonly ledger = new Ledger();
  readonly #base: URL;
  readonly #token: string | undefined;
  readonly #fetch: typeof fetch;

  /** `base` may have a path, below which the server's API lives. */
  constructor(base: URL, token: string | undefined, fetcher: typeof fetch) {
    this.#base = base;
    this.#token = token;
    this.#fetch = fetcher;
  }

  /** Sends once and reads the whole answer. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const abort = new LinkedAbort(request.signal);
    const timer = setTimeout(
      () => abort.controller.abort(timeout()),
      (request.timeoutSeconds ?? 30) * 1000,
    );
    let close: ReturnType<Ledger["open"]> | undefined;
    let status: number | null = null;
    let received = 0;
    try {
      const sent = await this.#start(request, abort.signal);
      close = sent.close;
      const response = await sent.response;
      status = response.status;
      const accepted = request.accept.includes(status);
      const most = accepted ? (request.mostBytes ?? 1 << 20) : 1 << 16;
      const body = await readAll(response, most, (count) => (received = count));
      if (!accepted) throw refusal(status, response.headers, body);
      return { status, headers: response.headers, body };
    } catch (error) {
      throw translated(error, request.signal, abort.signal);
    } finally {
      close?.(status, received);
      clearTimeout(timer);
      abort.release();
    }
  }

  /** Opens a stream. It ends with the generator's end; silence for too long is an error. */
  async stream(request: HttpRequest, silenceSeconds: number): Promise<HttpStream> {
    const abort = new LinkedAbort(request.signal);
    const watch = new Watchdog(silenceSeconds, () => abort.controller.abort(timeout()));
    let close: ReturnType<Ledger["open"]> | undefined;
    let status: number | null = null;
    let received = 0;
    const end = () => {
      watch.stop();
      abort.release();
      close?.(status, received);
    };
    try {
      const sent = await this.#start(request, abort.signal);
      close = sent.close;
      const response = await sent.response;
      status = response.status;
      if (!request.accept.includes(status)) {
        const body = await readAll(response, 1 << 16, (count) => (received = count));
        throw refusal(status, response.headers, body);
      }
      const reader = response.body?.getReader();
      const chunks = async function* () {
        try {
          while (reader) {
            const { done, value } = await reader.read();
            watch.reset();
            if (done) return;
            received += value.length;
            yield value;
          }
        } catch (error) {
          throw translated(error, request.signal, abort.signal);
        } finally {
          abort.controller.abort();
          end();
        }
      };
      return { headers: response.headers, chunks: chunks() };
    } catch (error) {
      end();
      throw translated(error, request.signal, abort.signal);
    }
  }

  async #start(request: HttpRequest, signal: AbortSignal) {
    const url = new URL(request.path.replace(/^\//, ""), this.#base);
    const headers = new Headers(request.headers);
    if (this.#token !== undefined) headers.set("Authorization", `Bearer ${this.#token}`);
    if (request.capability !== undefined) {
      headers.set("Blindsight-Capability", request.capability);
    }
    const { method, body } = request;
    const digest = request.sha256 ?? (body && hex(await sha256(body)));
    const close = this.ledger.open({
      method,
      url: url.pathname + url.search,
      what: request.what,
      ...(body && { body }),
      ...(digest !== undefined && { sha256: digest }),
    });
    const init: RequestInit = {
      method,
      headers,
      signal,
      // No cookies, not even to the own origin: a capability is what counts. No caching of what is
      // secret or changes.
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      // What shall go from the server goes, even if the page is left in this moment.
      keepalive: method === "DELETE",
    };
    // Chromium takes seconds to send megabytes of a typed array, but milliseconds for a blob.
    if (body) init.body = body.length > BLOB_BYTES ? new Blob([body]) : body;
    // The call must not have another `this`: browsers refuse that.
    const fetcher = this.#fetch;
    return { response: fetcher(url, init), close };
  }
}

async function readAll(
  response: Response,
  most: number,
  count: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    count(length);
    if (length > most) {
      await reader.cancel().catch(() => undefined);
      throw new BlindsightError("protocol", `the server's answer is longer than ${most} bytes`);
    }
    parts.push(value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Whatever `fetch` throws, as an error of ours. */
function translated(error: unknown, asked: AbortSignal, any: AbortSignal): unknown {
  if (asked.aborted) return abortError(asked);
  if (error instanceof BlindsightError) return error;
  if (any.aborted && any.reason instanceof BlindsightError) return any.reason;
  return new BlindsightError("network", "the server cannot be reached", { cause: error });
}

function timeout(): BlindsightError {
  return new BlindsightError("timeout", "the server did not answer in time");
}

/** Barks when nothing was heard for a while. */
class Watchdog {
  readonly #seconds: number;
  readonly #bark: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(seconds: number, bark: () => void) {
    this.#seconds = seconds;
    this.#bark = bark;
    this.reset();
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#bark, this.#seconds * 1000);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
