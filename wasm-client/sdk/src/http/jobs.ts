import { BlindsightError } from "../errors.js";
import { IDENTIFIER, Reader, integerHeader } from "../validate.js";
import type { Http } from "./http.js";
import { bodyJson } from "./json.js";

/** States that a job never leaves. */
const FINAL = ["done", "failed", "cancelled", "dead"] as const;

/** A job as the server tells it. */
export interface Job {
  id: string;
  state: "queued" | "running" | (typeof FINAL)[number];
  position: number | null;
  step: number;
  steps: number;
  etaSeconds: number | null;
  evaluateSeconds: number | null;
  error: { code: string; detail: string } | null;
}

/** Whether the job is over. */
export function isFinal(job: Job): boolean {
  return (FINAL as readonly string[]).includes(job.state);
}

/** Reads a job document. */
export function parseJob(json: unknown): Job {
  const job = new Reader(json, "job");
  const steps = job.field("steps").integer(0, 1e6);
  return {
    id: job.field("id").match(IDENTIFIER),
    state: job.field("state").oneOf("queued", "running", ...FINAL),
    position: job.field("position").optional((value) => value.integer(0, 1e9)),
    step: job.field("step").integer(0, steps),
    steps,
    etaSeconds: job.field("eta_seconds").optional((value) => value.number(0, 1e9)),
    evaluateSeconds: job.field("evaluate_seconds").optional((value) => value.number(0, 1e9)),
    error: job.field("error").optional((error) => ({
      code: error.field("code").text(100),
      detail: error.field("detail").text(2000),
    })),
  };
}

/** Submits a request under a key that makes repetition harmless. */
export async function submitJob(
  http: Http,
  keys: { model: string; sets: readonly { id: string; capability: string }[] },
  body: Uint8Array<ArrayBuffer>,
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<Job> {
  const [first, ...others] = keys.sets;
  if (!first) throw new BlindsightError("invalid_argument", "there are no keys");
  const query = new URLSearchParams({ model: keys.model });
  const and = others.length > 0 ? `&with=${others.map((set) => set.id).join(",")}` : "";
  const answer = await http.send({
    method: "POST",
    path: `v1/keys/${first.id}/jobs?${query.toString()}${and}`,
    what: "classification-request",
    headers: { "Content-Type": "application/octet-stream", "Idempotency-Key": idempotencyKey },
    body,
    capability: first.capability,
    signal,
    accept: [200, 202],
    timeoutSeconds: 120,
  });
  return parseJob(bodyJson(answer));
}

/** The encrypted answer. */
export async function fetchResult(
  http: Http,
  job: { id: string; capability: string },
  mostBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await http.send({
    method: "GET",
    path: `v1/jobs/${job.id}/result`,
    what: "result",
    capability: job.capability,
    signal,
    accept: [200],
    mostBytes,
    timeoutSeconds: 120,
  });
  const length = integerHeader(answer.headers, "content-length");
  // With a content encoding the header counts other bytes.
  if (length !== null && !answer.headers.has("content-encoding") && length !== answer.body.length) {
    throw new BlindsightError("network", "the connection broke while the answer arrived");
  }
  return answer.body;
}

/** Cancels a job. Best effort: nobody waits for it. */
export function cancelJob(http: Http, job: { id: string; capability: string }): void {
  const request = {
    method: "DELETE",
    path: `v1/jobs/${job.id}`,
    what: "cancellation",
    capability: job.capability,
    signal: new AbortController().signal,
    accept: [200, 204, 404, 410],
    timeoutSeconds: 10,
  } as const;
  const again = () => new Promise((resolve) => setTimeout(resolve, 1000));
  http
    .send(request)
    .catch(() => again().then(() => http.send(request)))
    .catch(() => undefined);
}
