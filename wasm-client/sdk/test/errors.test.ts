import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { BlindsightError } from "../src/errors.js";
import { refusal } from "../src/http/problem.js";

describe("errors", () => {
  test("have a section each in the documentation", () => {
    const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
    const codes = [...read("../src/errors.ts").matchAll(/^ {2}\| "([a-z_]+)"/gm)].map((m) => m[1]);
    const sections = [...read("../ERRORS.md").matchAll(/^## ([a-z_]+)$/gm)].map((m) => m[1]);
    expect(codes.length).toBeGreaterThan(20);
    expect(sections).toEqual(codes);
    expect(new BlindsightError("network", "x").docs).toBe("blindsight/ERRORS.md#network");
  });

  test("tell what the server's problem document says, within limits", () => {
    const headers = new Headers({
      "content-type": "application/problem+json",
      "retry-after": "7",
    });
    const body = (document: unknown) => new TextEncoder().encode(JSON.stringify(document));
    const full = refusal(429, headers, body({ code: "queue_full", detail: "full" }));
    expect(full).toMatchObject({
      code: "server_busy",
      serverCode: "queue_full",
      message: "full",
      status: 429,
      retryAfterSeconds: 7,
    });
    for (const odd of [null, 3, { code: "<script>", detail: 5 }, { detail: "x".repeat(9999) }]) {
      const error = refusal(503, headers, body(odd));
      expect(error.code).toBe("server_error");
      expect(error.serverCode).toBeUndefined();
      expect(error.message.length).toBeLessThanOrEqual(500);
    }
    const html = new Headers({ "content-type": "text/html", "retry-after": "soon" });
    const error = refusal(404, html, new TextEncoder().encode("<h1>"));
    expect(error).toMatchObject({ code: "request_refused", retryAfterSeconds: undefined });
    const tomorrow = new Headers({ "retry-after": new Date(Date.now() + 60_000).toUTCString() });
    expect(refusal(503, tomorrow, body({})).retryAfterSeconds).toBeGreaterThan(50);
  });
});
