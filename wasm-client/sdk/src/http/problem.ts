import { BlindsightError } from "../errors.js";
import type { BlindsightErrorCode } from "../errors.js";

/** What the server refused, with its reason. */
export class Refusal extends BlindsightError {
  /** The refusal that a status and a problem document (RFC 9457) stand for. */
  constructor(status: number, serverCode: string | null, message: string, retry: number | null) {
    super(codeOf(status, serverCode), message, {
      status,
      ...(serverCode !== null && { serverCode }),
      ...(retry !== null && { retryAfterSeconds: retry }),
    });
  }
}

/** The error for an answer that is none. */
export function refusal(status: number, headers: Headers, body: Uint8Array): Refusal {
  const { code, detail } = problem(headers, body);
  const sentence = detail ?? `the server answered with status ${status}`;
  return new Refusal(status, code, sentence, retryAfter(headers));
}

function codeOf(status: number, serverCode: string | null): BlindsightErrorCode {
  if (status === 401) return "unauthorized";
  if (serverCode === "daily_quota") return "quota_exceeded";
  if (status === 429) return "server_busy";
  if (status >= 500) return "server_error";
  return "request_refused";
}

function problem(
  headers: Headers,
  body: Uint8Array,
): { code: string | null; detail: string | null } {
  const none = { code: null, detail: null };
  if (!/^application\/problem\+json\b/i.test(headers.get("content-type") ?? "")) return none;
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof document !== "object" || document === null) return none;
    const { code, detail } = document as Record<string, unknown>;
    return {
      code: typeof code === "string" && /^[a-z0-9_]{1,64}$/.test(code) ? code : null,
      detail: typeof detail === "string" && detail !== "" ? detail.slice(0, 500) : null,
    };
  } catch {
    return none;
  }
}

/** `Retry-After` in seconds: a number, or a date. */
function retryAfter(headers: Headers): number | null {
  const text = headers.get("retry-after");
  if (text === null) return null;
  if (/^[0-9]{1,6}$/.test(text)) return Number(text);
  const seconds = (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}
