import { describe, expect, test } from "vitest";

import { BlindsightError } from "../src/errors.js";
import type { KeyProgress } from "../src/progress.js";
import { KEY_BYTES } from "./fake-platform.js";
import { PICTURE, code, freshScene } from "./scene.js";

const fresh = freshScene();

describe("keys", () => {
  test("are made once, uploaded in order, one frame a request, and found again", async () => {
    const scene = fresh();
    const client = await scene.connect();
    const progress: KeyProgress[] = [];
    const keys = await client.keys({ onProgress: (event) => progress.push(event) });
    expect(keys.fresh).toBe(true);
    expect(keys.bytes).toBe(scene.server.length);
    const pieces = scene.server.sent("PATCH", /uploads/).map((request) => request.body.length);
    expect(pieces).toEqual([10, ...KEY_BYTES]);
    expect(scene.workers.made.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    for (const stage of ["generating", "uploading"] as const) {
      const fractions = progress.filter((p) => p.stage === stage).map((p) => p.fraction);
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(fractions.at(-1)).toBe(1);
    }
    expect(progress.at(-1)).toEqual({ stage: "ready", fraction: 1 });

    const again = await (await scene.connect()).keys();
    expect(again.fresh).toBe(false);
    expect([again.id, again.sha256]).toEqual([keys.id, keys.sha256]);
    expect(scene.server.sent("POST", /uploads/)).toHaveLength(1);
    expect(scene.workers.made).toHaveLength(6);
  });

  test("go on after a broken connection, in the middle of a frame too", async () => {
    const scene = fresh();
    let breaks = 0;
    scene.server.fault = async (request, response, self) => {
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
    const client = await scene.connect();
    const keys = await client.keys({
      onProgress: (event) => event.stage === "waiting" && waits.push(event),
    });
    expect(breaks).toBeGreaterThan(3);
    expect(waits.length).toBeGreaterThan(0);
    expect(scene.whole().length).toBe(scene.server.length);
    scene.server.fault = null;
    const undisturbed = await (await scene.connect()).keys();
    expect(undisturbed.sha256).toBe(keys.sha256);
  }, 20_000);

  test("go on after a reload with the same bytes", async () => {
    const scene = fresh();
    const first = await scene.connect();
    const stop = new AbortController();
    const interrupted = first.keys({
      signal: stop.signal,
      onProgress: (event) => {
        if (event.stage === "uploading" && event.bytesSent > 150) stop.abort();
      },
    });
    expect(await code(interrupted)).toBe("aborted");
    first.close();
    const before = scene.server.requests.length;
    scene.workers.made = [];
    const progress: KeyProgress[] = [];
    const client = await scene.connect();
    expect(await client.storedKeys()).toMatchObject({ complete: false });
    const keys = await client.keys({ onProgress: (event) => progress.push(event) });
    const since = scene.server.requests.slice(before);
    expect(since.some((request) => request.method === "POST")).toBe(false);
    expect(scene.workers.made).not.toContain(0);
    expect(progress).toContainEqual(expect.objectContaining({ stage: "uploading", resumed: true }));
    const again = await client.keys();
    expect(again.sha256).toBe(keys.sha256);
    expect(scene.whole().length).toBe(scene.server.length);
  });

  test("are made with a new secret if the server forgot them", async () => {
    const scene = fresh();
    const keys = await (await scene.connect()).keys();
    const [before] = scene.secrets();
    scene.server.uploads.clear();
    const again = await (await scene.connect()).keys();
    expect(again.fresh).toBe(true);
    expect(again.id).not.toBe(keys.id);
    // The fakes make keys of the secret, as the real module does.
    expect(again.sha256).not.toBe(keys.sha256);
    expect(scene.secrets()).toHaveLength(1);
    expect(scene.secrets()).not.toContain(before);
  });

  test("start over with a new secret when the upload is gone in between", async () => {
    const scene = fresh();
    let patches = 0;
    const secrets = new Set<string>();
    scene.server.fault = (request, _response, self) => {
      if (request.method === "PATCH" && ++patches === 4) self.uploads.clear();
      for (const secret of scene.secrets()) secrets.add(secret);
      return false;
    };
    const keys = await (await scene.connect()).keys();
    expect(keys.fresh).toBe(true);
    expect(scene.server.sent("POST", /uploads/)).toHaveLength(2);
    expect(secrets.size).toBe(2);
  });

  test("start over with a new secret when an interrupted upload has expired", async () => {
    const scene = fresh();
    const first = await scene.connect();
    const stop = new AbortController();
    const onProgress = (event: KeyProgress) =>
      event.stage === "uploading" && event.bytesSent > 150 && stop.abort();
    expect(await code(first.keys({ signal: stop.signal, onProgress }))).toBe("aborted");
    const [before] = scene.secrets();
    scene.server.uploads.clear();
    await (await scene.connect()).keys();
    expect(scene.secrets()).not.toContain(before);
  });

  test("of another release are dropped, there too", async () => {
    const scene = fresh();
    const keys = await (await scene.connect()).keys();
    for (const record of scene.store.records.values()) record.identity = "ef".repeat(32);
    const again = await (await scene.connect()).keys();
    expect(again.sha256).not.toBe(keys.sha256);
    expect(scene.server.sent("DELETE", new RegExp(keys.id))).toHaveLength(1);
  });

  test("are not stored unless wanted, and an aborted upload is deleted then", async () => {
    const scene = fresh();
    // The last key is still being made when the call is aborted: its worker must end.
    scene.workers.delay = (message) => {
      const slow = message.task === "evaluationKey" && message.input.place === 5;
      return new Promise((resolve) => setTimeout(resolve, slow ? 60_000 : 0).unref());
    };
    const client = await scene.connect();
    const stop = new AbortController();
    const options = { persist: false, signal: stop.signal };
    const onProgress = (event: KeyProgress) =>
      event.stage === "uploading" && event.bytesSent > 250 && stop.abort();
    expect(await code(client.keys({ ...options, onProgress }))).toBe("aborted");
    expect(scene.store.records.size).toBe(0);
    await expect.poll(() => scene.server.uploads.size).toBe(0);
    expect(scene.workers.running).toBeLessThan(scene.workers.started);
  });

  test("that the server changed are refused", async () => {
    const scene = fresh();
    const client = await scene.connect();
    let spoiled = false;
    scene.server.fault = (request, _response, self) => {
      const [upload] = [...self.uploads.values()];
      if (request.method === "GET" && request.url?.includes("/keys/") && upload && !spoiled) {
        upload.bytes[1]?.fill(0xee);
        spoiled = true;
      }
      return false;
    };
    expect(await code(client.keys())).toBe("protocol");
    // They were sent, so their secret is not used again.
    expect(await client.storedKeys()).toBeNull();
  });

  test("are forgotten here and there", async () => {
    const scene = fresh();
    const client = await scene.connect();
    const keys = await client.keys();
    await keys.forget();
    expect(scene.store.records.size).toBe(0);
    expect(scene.server.uploads.size).toBe(0);
    expect(await code(client.classify(PICTURE, { keys }))).toBe("invalid_argument");
    expect(scene.workers.running).toBe(0);
    expect(scene.workers.wiped).toBe(scene.workers.started);
  });

  test("that are not kept are deleted there when nobody can use them any more", async () => {
    const scene = fresh();
    const left = await scene.connect();
    await left.keys({ persist: false });
    const leave = (forGood: boolean) => scene.workers.leave.forEach((hear) => hear(forGood));
    leave(false);
    expect(scene.server.sent("DELETE", /keys/)).toHaveLength(0);
    leave(true);
    await expect.poll(() => scene.server.uploads.size).toBe(0);
    expect(scene.workers.leave.size).toBe(0);

    const closed = await scene.connect();
    await closed.keys({ persist: false });
    closed.close();
    await expect.poll(() => scene.server.uploads.size).toBe(0);
  });

  test("that are kept stay there when the client is closed", async () => {
    const scene = fresh();
    const client = await scene.connect();
    await client.keys();
    client.close();
    await (await scene.connect()).keys();
    expect(scene.server.uploads.size).toBe(1);
    expect(scene.server.sent("DELETE", /keys/)).toHaveLength(0);
  });

  test("say when storage is full", async () => {
    const scene = fresh();
    scene.store.failure = new BlindsightError("storage_quota", "full");
    expect(await code((await scene.connect()).keys())).toBe("storage_quota");
    expect(scene.server.sent("POST", /uploads/)).toHaveLength(0);
  });

  test("wait for a limited number of frames", async () => {
    const scene = fresh();
    let made = 0;
    let most = 0;
    let taken = 0;
    scene.workers.delay = async (message) => {
      if (message.task === "evaluationKey") most = Math.max(most, (made += 1) - taken);
    };
    scene.server.fault = async (request) => {
      if (request.method !== "PATCH") return false;
      await new Promise((resolve) => setTimeout(resolve, 30));
      taken += 1;
      return false;
    };
    await (await scene.connect({ workers: 1 })).keys();
    // One worker, one waiting, one under way.
    expect(most).toBeLessThanOrEqual(4);
  });
});
