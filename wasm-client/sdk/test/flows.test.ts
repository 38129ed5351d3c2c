import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { BlindsightError } from "../src/errors.js";
import type { ClassifyProgress, KeyProgress } from "../src/progress.js";
import type { ConnectOptions } from "../src/types.js";
import { FakeServer, problem } from "./fake-server.mjs";
import {
  DESCRIPTION,
  FakeWorkers,
  MemoryStore,
  TestClient,
  fakePlatform,
} from "./fake-platform.js";

let server: FakeServer;
let workers: FakeWorkers;
let store: MemoryStore;
const clients: TestClient[] = [];

beforeEach(async () => {
  server = await new FakeServer(DESCRIPTION).listen();
  workers = new FakeWorkers();
  store = new MemoryStore();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.close();
});

async function connect(options: ConnectOptions = {}): Promise<TestClient> {
  const client = await TestClient.connect(fakePlatform(workers, store), server.url, options);
  clients.push(client);
  return client;
}

function whole(): Buffer {
  const [upload] = [...server.uploads.values()];
  return Buffer.concat(upload?.bytes ?? []);
}

async function code(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => "no error",
    (reason: unknown) => reason,
  );
  return error instanceof BlindsightError ? error.code : String(error);
}

const PICTURE = new Uint8Array(3072).fill(9);

describe("keys", () => {
  test("are made once, uploaded in order, one frame a request, and found again", async () => {
    const client = await connect();
    const progress: KeyProgress[] = [];
    const keys = await client.keys({ onProgress: (event) => progress.push(event) });
    expect(keys.fresh).toBe(true);
    expect(keys.bytes).toBe(server.length);
    const pieces = server.sent("PATCH", /uploads/).map((request) => request.body.length);
    expect(pieces).toEqual([10, ...DESCRIPTION.keyBytes]);
    expect(workers.made.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    for (const stage of ["generating", "uploading"] as const) {
      const fractions = progress.filter((p) => p.stage === stage).map((p) => p.fraction);
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(fractions.at(-1)).toBe(1);
    }
    expect(progress.at(-1)).toEqual({ stage: "ready", fraction: 1 });

    const again = await (await connect()).keys();
    expect(again.fresh).toBe(false);
    expect([again.id, again.sha256]).toEqual([keys.id, keys.sha256]);
    expect(server.sent("POST", /uploads/)).toHaveLength(1);
    expect(workers.made).toHaveLength(6);
  });

  test("go on after a broken connection, in the middle of a frame too", async () => {
    let breaks = 0;
    server.fault = async (request, response, self) => {
      if (request.method !== "PATCH") return false;
      breaks += 1;
      if (breaks % 3 !== 0) return false;
      const [upload] = [...self.uploads.values()];
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const body = Buffer.concat(parts);
      // Nothing, half, or everything arrived before the connection broke.
      const kept = [0, Math.floor(body.length / 2), body.length][(breaks / 3) % 3] ?? 0;
      if (upload && kept > 0) self.append(upload, body.subarray(0, kept));
      response.destroy();
      return true;
    };
    const waits: KeyProgress[] = [];
    const client = await connect();
    const keys = await client.keys({
      onProgress: (event) => event.stage === "waiting" && waits.push(event),
    });
    expect(breaks).toBeGreaterThan(3);
    expect(waits.length).toBeGreaterThan(0);
    expect(whole().length).toBe(server.length);
    server.fault = null;
    const undisturbed = await (await connect()).keys();
    expect(undisturbed.sha256).toBe(keys.sha256);
  }, 20_000);

  test("go on after a reload with the same bytes", async () => {
    const first = await connect();
    const stop = new AbortController();
    const interrupted = first.keys({
      signal: stop.signal,
      onProgress: (event) => {
        if (event.stage === "uploading" && event.bytesSent > 150) stop.abort();
      },
    });
    expect(await code(interrupted)).toBe("aborted");
    first.close();
    const before = server.requests.length;
    workers.made = [];
    const progress: KeyProgress[] = [];
    const client = await connect();
    expect(await client.storedKeys()).toMatchObject({ complete: false });
    const keys = await client.keys({ onProgress: (event) => progress.push(event) });
    const since = server.requests.slice(before);
    expect(since.some((request) => request.method === "POST")).toBe(false);
    expect(workers.made).not.toContain(0);
    expect(progress).toContainEqual(expect.objectContaining({ stage: "uploading", resumed: true }));
    const again = await client.keys();
    expect(again.sha256).toBe(keys.sha256);
    expect(whole().length).toBe(server.length);
  });

  test("are uploaded again with the same secret if the server forgot them", async () => {
    const keys = await (await connect()).keys();
    server.uploads.clear();
    const again = await (await connect()).keys();
    expect(again.fresh).toBe(true);
    expect(again.id).not.toBe(keys.id);
    expect(again.sha256).toBe(keys.sha256);
  });

  test("start over when the upload is gone in between", async () => {
    let patches = 0;
    server.fault = (request, _response, self) => {
      if (request.method === "PATCH" && ++patches === 4) self.uploads.clear();
      return false;
    };
    const keys = await (await connect()).keys();
    expect(keys.fresh).toBe(true);
    expect(server.sent("POST", /uploads/)).toHaveLength(2);
  });

  test("of another release are dropped, there too", async () => {
    const keys = await (await connect()).keys();
    for (const record of store.records.values()) record.identity = "ef".repeat(32);
    const again = await (await connect()).keys();
    expect(again.sha256).not.toBe(keys.sha256);
    expect(server.sent("DELETE", new RegExp(keys.id))).toHaveLength(1);
  });

  test("are not stored unless wanted, and an aborted upload is deleted then", async () => {
    // The last key is still being made when the call is aborted: its worker must end.
    workers.delay = (message) => {
      const slow = message.task === "evaluationKey" && message.input.index === 5;
      return new Promise((resolve) => setTimeout(resolve, slow ? 60_000 : 0).unref());
    };
    const client = await connect();
    const stop = new AbortController();
    const options = { persist: false, signal: stop.signal };
    const onProgress = (event: KeyProgress) =>
      event.stage === "uploading" && event.bytesSent > 250 && stop.abort();
    expect(await code(client.keys({ ...options, onProgress }))).toBe("aborted");
    expect(store.records.size).toBe(0);
    await expect.poll(() => server.uploads.size).toBe(0);
    expect(workers.running).toBeLessThan(workers.started);
  });

  test("that the server changed are refused", async () => {
    const client = await connect();
    let spoiled = false;
    server.fault = (request, _response, self) => {
      const [upload] = [...self.uploads.values()];
      if (request.method === "GET" && upload && !spoiled) {
        upload.bytes[1]?.fill(0xee);
        spoiled = true;
      }
      return false;
    };
    expect(await code(client.keys())).toBe("protocol");
    expect(await client.storedKeys()).toMatchObject({ complete: false });
  });

  test("are forgotten here and there", async () => {
    const client = await connect();
    const keys = await client.keys();
    await keys.forget();
    expect(store.records.size).toBe(0);
    expect(server.uploads.size).toBe(0);
    expect(await code(client.classify(PICTURE, { keys }))).toBe("invalid_argument");
    expect(workers.running).toBe(0);
  });

  test("say when storage is full", async () => {
    store.failure = new BlindsightError("storage_quota", "full");
    expect(await code((await connect()).keys())).toBe("storage_quota");
    expect(server.sent("POST", /uploads/)).toHaveLength(0);
  });

  test("wait for a limited number of frames", async () => {
    let made = 0;
    let most = 0;
    let taken = 0;
    workers.delay = async (message) => {
      if (message.task === "evaluationKey") most = Math.max(most, (made += 1) - taken);
    };
    server.fault = async (request) => {
      if (request.method !== "PATCH") return false;
      await new Promise((resolve) => setTimeout(resolve, 30));
      taken += 1;
      return false;
    };
    await (await connect({ workers: 1 })).keys();
    // One worker, one waiting, one under way.
    expect(most).toBeLessThanOrEqual(4);
  });
});

describe("classification", () => {
  test("goes through its stages", async () => {
    const client = await connect();
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
    const client = await connect();
    const keys = await client.keys();
    let tries = 0;
    server.fault = (request, response) => {
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
    expect(server.jobs.size).toBe(1);
  });

  test("goes on after a broken event stream where it was", async () => {
    const client = await connect();
    const keys = await client.keys();
    let streams = 0;
    server.fault = (request, response) => {
      if (!request.url?.endsWith("/events")) return false;
      streams += 1;
      if (streams <= 2) setTimeout(() => response.destroy(), 8);
      return false;
    };
    const result = await client.classify(PICTURE, { keys });
    expect(result.class).toBe(3);
    expect(streams).toBe(3);
    const [second] = server.sent("GET", /events/).slice(1);
    expect(Number(second?.headers["last-event-id"])).toBeGreaterThan(0);
  });

  test("polls where streams do not get through", async () => {
    const client = await connect();
    const keys = await client.keys();
    server.fault = (request, response) => {
      if (!request.url?.endsWith("/events")) return false;
      response.writeHead(200, { "Content-Type": "text/html" }).end("<p>a proxy</p>");
      return true;
    };
    expect((await client.classify(PICTURE, { keys })).class).toBe(3);
    expect(server.sent("GET", /jobs\/[0-9a-f]+$/).length).toBeGreaterThan(3);
  }, 20_000);

  test("an abort cancels the job on the server", async () => {
    const client = await connect();
    const keys = await client.keys();
    server.working = false;
    const stop = new AbortController();
    const onProgress = (event: ClassifyProgress) => event.stage === "queued" && stop.abort();
    const work = client.classify(PICTURE, { keys, signal: stop.signal, onProgress });
    expect(await code(work)).toBe("aborted");
    await expect
      .poll(() => [...server.jobs.values()].map((job) => job.state))
      .toEqual(["cancelled"]);
  });

  test("an abort while the request is under way cancels what became of it", async () => {
    const client = await connect();
    const keys = await client.keys();
    server.working = false;
    const stop = new AbortController();
    server.fault = async (request) => {
      if (request.method !== "POST") return false;
      stop.abort();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return false;
    };
    expect(await code(client.classify(PICTURE, { keys, signal: stop.signal }))).toBe("aborted");
    await expect
      .poll(() => [...server.jobs.values()].map((job) => job.state))
      .toEqual(["cancelled"]);
  });

  test("tells what went wrong", async () => {
    const client = await connect({ maxWaitSeconds: 0 });
    const keys = await client.keys();
    server.fault = (_request, _response, self) => {
      for (const job of self.jobs.values()) job.state = "failed";
      return false;
    };
    expect(await code(client.classify(PICTURE, { keys }))).toBe("job_failed");
    server.fault = (request, response) => {
      if (request.method !== "POST") return false;
      problem(response, 429, "queue_full");
      return true;
    };
    expect(await code(client.classify(PICTURE, { keys }))).toBe("server_busy");
    server.fault = null;
    server.uploads.clear();
    expect(await code(client.classify(PICTURE, { keys }))).toBe("keys_lost");
    client.close();
    expect(await code(client.classify(PICTURE, { keys }))).toBe("closed");
  });
});

describe("connecting", () => {
  test("tells a server that is down, foreign, or wants a token", async () => {
    server.fault = (_request, response) => {
      response.writeHead(200, { "Content-Type": "application/json" }).end('{"api":"2"}');
      return true;
    };
    expect(await code(connect())).toBe("incompatible");
    server.fault = (_request, response) => {
      response.writeHead(200).end("<html>");
      return true;
    };
    expect(await code(connect())).toBe("protocol");
    server.fault = (request, response) => {
      if (request.headers.authorization === "Bearer right") return false;
      problem(response, 401, "unauthorized");
      return true;
    };
    expect(await code(connect())).toBe("unauthorized");
    await connect({ token: "right" });
    expect(await code(TestClient.connect(fakePlatform(workers, store), "ftp://x"))).toBe(
      "invalid_argument",
    );
    await server.close();
    expect(await code(connect())).toBe("network");
    await server.listen();
  });
});

describe("the ledger", () => {
  test("shows every request as it was", async () => {
    const client = await connect();
    const heard: number[] = [];
    const stop = client.on("request", (entry) => heard.push(entry.id));
    const keys = await client.keys();
    await client.classify(PICTURE, { keys });
    stop();
    const { createHash } = await import("node:crypto");
    const inLedger = client.ledger.filter((entry) => entry.requestBytes > 0);
    const sent = server.requests.filter((request) => request.body.length > 0);
    expect(inLedger).toHaveLength(sent.length);
    inLedger.forEach((entry, index) => {
      const body = sent[index]?.body ?? Buffer.alloc(0);
      expect(entry.requestBytes).toBe(body.length);
      expect(entry.sha256).toBe(createHash("sha256").update(body).digest("hex"));
      expect(Buffer.from(entry.head)).toEqual(body.subarray(0, 64));
      expect(entry.url).toBe(sent[index]?.path);
    });
    expect(client.ledger.map((entry) => entry.what)).toContain("classification-request");
    expect(heard).toEqual(client.ledger.slice(1).map((entry) => entry.id));
  });
});
