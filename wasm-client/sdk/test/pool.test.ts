import { describe, expect, test, vi } from "vitest";

import type { Platform, PortEvents } from "../src/platform/platform.js";
import { WorkerPool } from "../src/pool.js";
import type { TaskMessage } from "../src/worker/messages.js";
import { DeviceStore, FakeWorkers, fakePlatform } from "./fake-platform.js";

/** A platform whose workers do as they are told by the test. They wipe themselves at once, or never. */
function scripted(
  script: (message: TaskMessage, events: PortEvents, worker: number) => void,
  wipes = true,
) {
  let workers = 0;
  const ended: number[] = [];
  const told: string[] = [];
  const platform: Platform = {
    ...fakePlatform(new FakeWorkers(), new DeviceStore()),
    spawn(events) {
      const worker = (workers += 1);
      return {
        post: (message) => {
          if (message.task !== "wipe") return queueMicrotask(() => script(message, events, worker));
          told.push(`wipe ${worker}`);
          const { id } = message;
          if (wipes) queueMicrotask(() => events.onReply({ id, ok: true, output: true }));
        },
        terminate: () => {
          ended.push(worker);
          told.push(`end ${worker}`);
        },
        keepAlive: () => undefined,
      };
    },
  };
  return { platform, ended, told };
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
    // The second one died; the first is told to wipe its memory before it ends.
    expect(ended).toEqual([2, 1]);
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
    await pool.close();
    for (const each of work) await expect(each).rejects.toMatchObject({ code: "closed" });
    await expect(pool.run("memory", {}, { signal })).rejects.toMatchObject({ code: "closed" });
    expect(ended).toEqual([1, 2]);
  });
});

describe("no worker ends before its memory is wiped", () => {
  const answer = ({ id }: TaskMessage, { onReply }: PortEvents, worker: number) =>
    onReply({ id, ok: true, output: worker });

  test("when it is idle, stopped, or closed", async () => {
    const { platform, told } = scripted(({ id, task }, { onReply }) => {
      if (task === "memory") onReply({ id, ok: true, output: 0 });
    });
    const pool = new WorkerPool(platform, 2);
    await pool.run("memory", {}, { signal });
    await pool.trim(0);
    expect(told).toEqual(["wipe 1", "end 1"]);
    const stop = new AbortController();
    const stuck = pool.run("manifest", manifest, { signal: stop.signal });
    stop.abort();
    await expect(stuck).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(() => told.slice(2)).toEqual(["wipe 2", "end 2"]);
    await pool.run("memory", {}, { signal });
    await pool.close();
    expect(told.slice(4)).toEqual(["wipe 3", "end 3"]);
  });

  test("when it is busy while keys are forgotten: after its task", async () => {
    let finish = () => {};
    const { platform, told } = scripted((message, events, worker) => {
      if (message.task === "memory") answer(message, events, worker);
      else finish = () => events.onReply({ id: message.id, ok: true, output: worker });
    });
    const pool = new WorkerPool(platform, 2);
    const busy = pool.run("manifest", manifest, { signal });
    await Promise.resolve();
    await pool.retire();
    expect(told).toEqual([]);
    // It gets no further task.
    expect(await pool.run("memory", {}, { signal })).toBe(2);
    finish();
    expect(await busy).toBe(1);
    await expect.poll(() => told).toEqual(["wipe 1", "end 1"]);
  });

  test("unless it does not answer for two seconds", async () => {
    vi.useFakeTimers();
    try {
      const { platform, told } = scripted(answer, false);
      const pool = new WorkerPool(platform, 1);
      await pool.run("memory", {}, { signal });
      const closing = pool.close();
      await vi.advanceTimersByTimeAsync(1900);
      expect(told).toEqual(["wipe 1"]);
      await vi.advanceTimersByTimeAsync(200);
      await closing;
      expect(told).toEqual(["wipe 1", "end 1"]);
    } finally {
      vi.useRealTimers();
    }
  });
});
