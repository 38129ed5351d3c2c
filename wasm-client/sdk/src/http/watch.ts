import { sleep } from "../abort.js";
import { BlindsightError } from "../errors.js";
import type { Http } from "./http.js";
import { isFinal, parseJob } from "./jobs.js";
import type { Job } from "./jobs.js";
import { bodyJson, parsed } from "./json.js";
import { Retry } from "./retry.js";
import type { RetryOptions } from "./retry.js";
import { EventParser } from "./sse.js";

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
      const job = sameJob(parseJob(bodyJson(answer)), id);
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
