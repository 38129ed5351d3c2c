import { describe, expect, test } from "vitest";

import { PICTURE, freshScene } from "./scene.js";

const fresh = freshScene();

describe("every request", () => {
  test("goes without cookies, to the own origin too, uncached and without a referrer", async () => {
    const scene = fresh();
    const sent: { method: string; init: RequestInit }[] = [];
    const client = await scene.connect({
      fetch: (url, init) => {
        sent.push({ method: init?.method ?? "", init: init ?? {} });
        return fetch(url, init);
      },
    });
    const keys = await client.keys();
    await client.classify(PICTURE, { keys });
    await keys.forget();
    expect(new Set(sent.map(({ method }) => method))).toEqual(
      new Set(["GET", "HEAD", "POST", "PATCH", "DELETE"]),
    );
    for (const { init } of sent) {
      expect(init).toMatchObject({
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
      });
    }
  });
});
