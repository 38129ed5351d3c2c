import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";

import { LinkedAbort, orAborted, sleep } from "../src/abort.js";

/** Node warns of a leak where more than ten listeners hang on one signal. */
describe("a signal that many calls share", () => {
  const listeners = (of: AbortController) => getEventListeners(of.signal, "abort").length;

  test("has one listener, and none when all are over", async () => {
    const shared = new AbortController();
    const links = Array.from({ length: 20 }, () => new LinkedAbort(shared.signal, undefined));
    const waits = Array.from({ length: 20 }, () => sleep(0.01, shared.signal));
    const answer = orAborted(Promise.resolve(5), shared.signal);
    expect(listeners(shared)).toBe(1);
    expect(await answer).toBe(5);
    await Promise.all(waits);
    for (const link of links) link.release();
    expect(listeners(shared)).toBe(0);
    shared.abort();
    expect(links.some((link) => link.signal.aborted)).toBe(false);
  });

  test("tells all of them when it fires, and who comes later", async () => {
    const shared = new AbortController();
    const links = Array.from({ length: 20 }, () => new LinkedAbort(shared.signal));
    const wait = sleep(60, shared.signal);
    const reason = new Error("enough");
    links[0]?.signal.addEventListener("abort", () => links[1]?.release());
    shared.abort(reason);
    const deaf = links.filter((link) => !link.signal.aborted);
    expect(deaf).toEqual([links[1]]);
    expect(links[0]?.signal.reason).toBe(reason);
    await expect(wait).rejects.toMatchObject({ code: "aborted", cause: reason });
    expect(new LinkedAbort(shared.signal).signal.aborted).toBe(true);
    await expect(orAborted(Promise.resolve(), shared.signal)).rejects.toMatchObject({
      code: "aborted",
    });
  });
});
