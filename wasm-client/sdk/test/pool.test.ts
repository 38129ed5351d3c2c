import { describe, expect, test } from "vitest";

import type { Platform, PortEvents } from "../src/platform/platform.js";
import { WorkerPool } from "../src/pool.js";
import type { TaskMessage } from "../src/worker/messages.js";
import { DeviceStore, FakeWorkers, fakePlatform } from "./fake-platform.js";

/** A platform whose workers do as they are told by the test. */
function scripted(script: (message: TaskMessage, events: PortEvents, worker: number) => void) {
  let workers = 0;
  const ended: number[] = [];
  const platform: Platform = {
    ...fakePlatform(new FakeWorkers(), new DeviceStore()),
    spawn(events) {
      const worker = (workers += 1);
      return {
        post: (message) => queueMicrotask(() => script(message, events, worker)),
        terminate: () => ended.push(worker),
        keepAlive: () => undefined,
      };
    },
  };
  return { platform, ended };
}

const signal = new AbortController().signal;
const manifest = { contract: { sha256: "", bytes: new Uint8Array() }, places: [] };

describe("workers", () => {
  test("that stop are replaced, and the failure has a code", async () => {
    const { platform, ended } = scripted(({ id }, { onReply, onFailure }, worker) => {
      const message = "unreachable";
      if (worker === 1) onReply({ id, ok: false, code: "worker_failed", message, fatal: true });
      else if (worker === 2) onFailure("not found");
      else onReply({ id, ok: true, output: worker });
    });
    const pool = new WorkerPool(platform, 1);
    const work = [1, 2, 3, 4].map(() => pool.run("memory", {}, { signal }));
    const outcomes = await Promise.allSettled(work);
    expect(outcomes).toMatchObject([
      { status: "rejected", reason: { code: "worker_failed" } },
      { status: "rejected", reason: { code: "worker_failed" } },
      { status: "fulfilled", value: 3 },
      { status: "fulfilled", value: 3 },
    ]);
    expect(ended).toEqual([1, 2]);
  });

  test("keep their place after a refusal that is no crash", async () => {
    const { platform, ended } = scripted(({ id }, { onReply }) => {
      onReply({ id, ok: false, code: "bad_answer", message: "no", fatal: false });
    });
    const pool = new WorkerPool(platform, 1);
    for (let round = 0; round < 2; round += 1) {
      const outcome = pool.run("memory", {}, { signal });
      await expect(outcome).rejects.toMatchObject({ code: "bad_answer" });
    }
    expect(ended).toEqual([]);
  });

  test("end with the signal of their task; others go on", async () => {
    const { platform, ended } = scripted(({ id, task }, { onReply }, worker) => {
      if (task === "memory") onReply({ id, ok: true, output: worker });
    });
    const pool = new WorkerPool(platform, 1);
    const stop = new AbortController();
    const stuck = pool.run("manifest", manifest, { signal: stop.signal });
    const waiting = pool.run("manifest", manifest, { signal: stop.signal });
    const other = pool.run("memory", {}, { signal });
    stop.abort();
    await expect(stuck).rejects.toMatchObject({ code: "aborted" });
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    expect(await other).toBe(2);
    expect(ended).toEqual([1]);
  });

  test("all end with the pool", async () => {
    const { platform, ended } = scripted(() => undefined);
    const pool = new WorkerPool(platform, 2);
    const work = [1, 2, 3].map(() => pool.run("memory", {}, { signal }));
    await Promise.resolve();
    pool.close();
    for (const each of work) await expect(each).rejects.toMatchObject({ code: "closed" });
    await expect(pool.run("memory", {}, { signal })).rejects.toMatchObject({ code: "closed" });
    expect(ended).toEqual([1, 2]);
  });
});
