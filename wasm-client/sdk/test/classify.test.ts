import { describe, expect, test } from "vitest";

import type { ClassifyProgress } from "../src/progress.js";
import { problem } from "./fake-server.mjs";
import { PICTURE, code, freshScene } from "./scene.js";

const fresh = freshScene();

describe("classification", () => {
  test("goes through its stages", async () => {
    const scene = fresh();
    const client = await scene.connect();
    const keys = await client.keys();
    const progress: ClassifyProgress[] = [];
    const onProgress = (event: ClassifyProgress) => progress.push(event);
    const result = await client.classify(PICTURE, { keys, onProgress });
    expect(result).toMatchObject({
      label: "class 3",
      class: 3,
      bytes: { request: 40, response: 100 },
    });
    const stages = [...new Set(progress.map((event) => event.stage))];
    expect(stages).toEqual([
      "preparing",
      "encrypting",
      "sending",
      "queued",
      "evaluating",
      "receiving",
      "decrypting",
      "done",
    ]);
    const fractions = progress.map((event) => event.fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  });

  test("waits as long as a full queue asks for, and repeats harmlessly", async () => {
    const scene = fresh();
    const client = await scene.connect();
    const keys = await client.keys();
    let tries = 0;
    scene.server.fault = (request, response) => {
      if (request.method !== "POST") return false;
      tries += 1;
      if (tries === 1) {
        response.setHeader("Retry-After", "0");
        problem(response, 429, "queue_full");
        return true;
      }
      // The job is accepted, but the answer gets lost.
      if (tries === 2) response.writeHead = () => response.destroy();
      return false;
    };
    const waits: ClassifyProgress[] = [];
    await client.classify(PICTURE, {
      keys,
      onProgress: (event) => event.stage === "waiting" && waits.push(event),
    });
    expect(waits.map((event) => event.stage === "waiting" && event.reason)).toEqual([
      "busy",
      "network",
    ]);
    expect(scene.server.jobs.size).toBe(1);
  });

  test("goes on after a broken event stream where it was", async () => {
    const scene = fresh();
    const client = await scene.connect();
    const keys = await client.keys();
    let streams = 0;
    scene.server.fault = (request, response) => {
      if (!request.url?.endsWith("/events")) return false;
      streams += 1;
      if (streams <= 2) setTimeout(() => response.destroy(), 8);
      return false;
    };
    const result = await client.classify(PICTURE, { keys });
    expect(result.class).toBe(3);
    expect(streams).toBe(3);
    const [second] = scene.server.sent("GET", /events/).slice(1);
    expect(Number(second?.headers["last-event-id"])).toBeGreaterThan(0);
  });

  test("polls where streams do not get through", async () => {
    const scene = fresh();
    const client = await scene.connect();
    const keys = await client.keys();
    scene.server.fault = (request, response) => {
      if (!request.url?.endsWith("/events")) return false;
      response.writeHead(200, { "Content-Type": "text/html" }).end("<p>a proxy</p>");
      return true;
    };
    expect((await client.classify(PICTURE, { keys })).class).toBe(3);
    expect(scene.server.sent("GET", /jobs\/[0-9a-f]+$/).length).toBeGreaterThan(3);
  }, 20_000);

  test("an abort cancels the job on the server", async () => {
    const scene = fresh();
    const client = await scene.connect();
    const keys = await client.keys();
    scene.server.working = false;
    const stop = new AbortController();
    const onProgress = (event: ClassifyProgress) => event.stage === "queued" && stop.abort();
    const work = client.classify(PICTURE, { keys, signal: stop.signal, onProgress });
    expect(await code(work)).toBe("aborted");
    await expect
      .poll(() => [...scene.server.jobs.values()].map((job) => job.state))
      .toEqual(["cancelled"]);
  });

  test("an abort while the request is under way cancels what became of it", async () => {
    const scene = fresh();
    const client = await scene.connect();
    const keys = await client.keys();
    scene.server.working = false;
    const stop = new AbortController();
    scene.server.fault = async (request) => {
      if (request.method !== "POST") return false;
      stop.abort();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return false;
    };
    expect(await code(client.classify(PICTURE, { keys, signal: stop.signal }))).toBe("aborted");
    await expect
      .poll(() => [...scene.server.jobs.values()].map((job) => job.state))
      .toEqual(["cancelled"]);
  });

  test("leaving the page cancels the job at once, in a request that outlives the page", async () => {
    const scene = fresh();
    const sent: { method: string | undefined; keepalive: boolean | undefined }[] = [];
    const client = await scene.connect({
      fetch: (input, init) => {
        sent.push({ method: init?.method, keepalive: init?.keepalive });
        return fetch(input, init);
      },
    });
    const keys = await client.keys();
    scene.server.working = false;
    let queued = () => {};
    const waiting = new Promise<void>((resolve) => (queued = resolve));
    const onProgress = (event: ClassifyProgress) => event.stage === "queued" && queued();
    const work = code(client.classify(PICTURE, { keys, onProgress }));
    await waiting;
    for (const leave of scene.workers.leave) leave(false);
    // No turn of the event loop in between: a page has none left.
    expect(sent.at(-1)).toEqual({ method: "DELETE", keepalive: true });
    expect(await work).toBe("aborted");
    await expect
      .poll(() => [...scene.server.jobs.values()].map((job) => job.state))
      .toEqual(["cancelled"]);
    expect(scene.workers.leave.size).toBe(0);
    // The client goes on: the page may come back.
    scene.server.working = true;
    expect((await client.classify(PICTURE, { keys })).class).toBe(3);
  });

  test("tells what went wrong", async () => {
    const scene = fresh();
    const client = await scene.connect({ maxWaitSeconds: 0 });
    const keys = await client.keys();
    scene.server.fault = (_request, _response, self) => {
      for (const job of self.jobs.values()) job.state = "failed";
      return false;
    };
    expect(await code(client.classify(PICTURE, { keys }))).toBe("job_failed");
    scene.server.fault = (request, response) => {
      if (request.method !== "POST") return false;
      problem(response, 429, "queue_full");
      return true;
    };
    expect(await code(client.classify(PICTURE, { keys }))).toBe("server_busy");
    // Tried once: the wait would be until tomorrow.
    let tries = 0;
    scene.server.fault = (request, response) => {
      if (request.method !== "POST") return false;
      tries += 1;
      response.setHeader("Retry-After", "3600");
      problem(response, 429, "daily_quota");
      return true;
    };
    const patient = await scene.connect();
    const others = await patient.keys();
    await expect(patient.classify(PICTURE, { keys: others })).rejects.toMatchObject({
      code: "quota_exceeded",
      serverCode: "daily_quota",
      retryAfterSeconds: 3600,
    });
    expect(tries).toBe(1);
    scene.server.fault = null;
    scene.server.uploads.clear();
    expect(await code(client.classify(PICTURE, { keys }))).toBe("keys_lost");
    client.close();
    expect(await code(client.classify(PICTURE, { keys }))).toBe("closed");
  });
});
