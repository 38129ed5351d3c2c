import { sleep } from "../abort.js";
import { BlindsightError } from "../errors.js";
import { IDENTIFIER, Reader, integerHeader } from "../validate.js";
import type { Http } from "./http.js";
import { Retry } from "./retry.js";
import type { RetryOptions } from "./retry.js";
import { EventParser } from "./sse.js";

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

/** How to follow a job. */
export interface WatchOptions {
  http: Http;
  id: string;
  capability: string;
  retry: RetryOptions;
  onJob: (job: Job) => void;
  /** Pause between two polls. Default: 1. */
  pollSeconds?: number;
}

/** A server that is silent for longer than three of its heartbeats is gone. */
const SILENCE_SECONDS = 30;
/** Streams in a row that brought no event, before polling takes over. */
const BARREN_STREAMS = 3;

/** Follows a job to its end: by its event stream, or by polling where streams do not get through. */
export async function watchJob(options: WatchOptions): Promise<Job> {
  const retry = new Retry(options.retry);
  const events = new EventStream(options);
  let barren = 0;
  while (barren < BARREN_STREAMS) {
    const before = events.count;
    let failure: unknown = new BlindsightError("network", "the event stream ended early");
    try {
      const job = await events.follow();
      if (job) return job;
    } catch (error) {
      failure = error;
    }
    if (events.count > before) {
      barren = 0;
      retry.succeeded();
    } else {
      barren += 1;
    }
    if (isNoStream(failure)) break;
    await retry.after(failure);
  }
  return poll(options);
}

/** One job's event stream over several connections. */
class EventStream {
  readonly #options: WatchOptions;
  #lastId: string | null = null;
  /** Events so far. */
  count = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** The final state, or null if the stream ended before. */
  async follow(): Promise<Job | null> {
    const { http, id, capability, retry, onJob } = this.#options;
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (this.#lastId !== null) headers["Last-Event-ID"] = this.#lastId;
    const request = {
      method: "GET",
      path: `v1/jobs/${id}/events`,
      what: "progress",
      headers,
      capability,
      signal: retry.signal,
      accept: [200],
    } as const;
    const stream = await http.stream(request, SILENCE_SECONDS);
    const type = stream.headers.get("content-type") ?? "";
    if (!/^text\/event-stream\b/i.test(type)) {
      await stream.chunks.return(undefined);
      throw new NoStream();
    }
    const parser = new EventParser();
    for await (const chunk of stream.chunks) {
      for (const event of parser.push(chunk)) {
        if (event.id !== null && /^[0-9]{1,19}$/.test(event.id)) this.#lastId = event.id;
        if (event.event !== "job") continue;
        const job = sameJob(parseJob(parsed(event.data)), id);
        this.count += 1;
        onJob(job);
        if (isFinal(job)) return job;
      }
    }
    return null;
  }
}

async function poll(options: WatchOptions): Promise<Job> {
  const { http, id, capability, onJob } = options;
  const { signal } = options.retry;
  const retry = new Retry(options.retry);
  for (;;) {
    try {
      const answer = await http.send({
        method: "GET",
        path: `v1/jobs/${id}`,
        what: "progress",
        capability,
        signal,
        accept: [200],
      });
      retry.succeeded();
      const job = sameJob(parseJob(parsed(new TextDecoder().decode(answer.body))), id);
      onJob(job);
      if (isFinal(job)) return job;
    } catch (error) {
      await retry.after(error);
    }
    await sleep(options.pollSeconds ?? 1, signal);
  }
}

/** Something on the way turned the stream into something else. */
class NoStream extends BlindsightError {
  constructor() {
    super("protocol", "the server did not answer with an event stream");
  }
}

/** Whether streams do not get through, or too many are open, as opposed to the job being gone. */
function isNoStream(error: unknown): boolean {
  if (error instanceof NoStream) return true;
  return error instanceof BlindsightError && (error.status === 406 || error.status === 429);
}

function sameJob(job: Job, id: string): Job {
  if (job.id !== id) throw new BlindsightError("protocol", "the server told of another job");
  return job;
}

/** JSON from the server. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = "the server's answer is not JSON";
    throw new BlindsightError("protocol", message, { cause: error });
  }
}

/** Submits a request under a key that makes repetition harmless. */
export async function submitJob(
  http: Http,
  keys: { id: string; capability: string },
  body: Uint8Array<ArrayBuffer>,
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<Job> {
  const answer = await http.send({
    method: "POST",
    path: `v1/keys/${keys.id}/jobs`,
    what: "classification-request",
    headers: { "Content-Type": "application/octet-stream", "Idempotency-Key": idempotencyKey },
    body,
    capability: keys.capability,
    signal,
    accept: [200, 202],
    timeoutSeconds: 120,
  });
  const document = parsed(new TextDecoder().decode(answer.body));
  // Tolerates both the bare job and `{job}`.
  const wrapped = typeof document === "object" && document !== null && "job" in document;
  return parseJob(wrapped ? document.job : document);
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
