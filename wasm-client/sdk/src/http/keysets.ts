import { BlindsightError } from "../errors.js";
import { Reader, SHA256 } from "../validate.js";
import type { Http } from "./http.js";
import { bodyJson } from "./json.js";
import { Refusal } from "./problem.js";
import type { UploadHandle } from "./tus.js";

/** A key set as the server tells it. */
export interface KeySetState {
  sha256: string;
  scheme: string;
}

/** What the server has under this capability, or null if nothing. */
export async function fetchKeySet(
  http: Http,
  keys: UploadHandle,
  signal: AbortSignal,
): Promise<KeySetState | null> {
  try {
    const answer = await http.send({
      method: "GET",
      path: `v1/keys/${keys.id}`,
      what: "key-state",
      capability: keys.capability,
      signal,
      accept: [200],
    });
    const document = new Reader(bodyJson(answer), "key set");
    return {
      sha256: document.field("sha256").match(SHA256),
      scheme: document.field("scheme").match(SHA256),
    };
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** Deletes keys, an unfinished upload of them, jobs and results. What is gone counts as deleted. */
export async function deleteKeySet(
  http: Http,
  keys: UploadHandle,
  signal: AbortSignal,
): Promise<void> {
  await http.send({
    method: "DELETE",
    path: `v1/keys/${keys.id}`,
    what: "key-deletion",
    capability: keys.capability,
    signal,
    accept: [204, 200, 404, 410],
  });
}

/** Whether the server no longer knows what was asked for. */
export function isGone(error: unknown): boolean {
  return error instanceof Refusal && (error.status === 404 || error.status === 410);
}

/** The error for keys that the server no longer has. */
export function keysLost(cause: unknown): BlindsightError {
  const message = "the server no longer has these keys: they expired or were deleted";
  return new BlindsightError("keys_lost", message, { cause });
}
