import { describe, expect, test } from "vitest";

import type { LedgerEntry } from "../src/ledger.js";
import { TestClient, fakePlatform } from "./fake-platform.js";
import { problem } from "./fake-server.mjs";
import { PICTURE, code, freshScene } from "./scene.js";

const fresh = freshScene();

describe("connecting", () => {
  test("tells a server that is down, foreign, or wants a token", async () => {
    const scene = fresh();
    scene.server.fault = (_request, response) => {
      response.writeHead(200, { "Content-Type": "application/json" }).end('{"api":"1"}');
      return true;
    };
    expect(await code(scene.connect())).toBe("incompatible");
    scene.server.fault = (_request, response) => {
      response.writeHead(200).end("<html>");
      return true;
    };
    expect(await code(scene.connect())).toBe("protocol");
    scene.server.fault = (request, response) => {
      if (request.headers.authorization === "Bearer right") return false;
      problem(response, 401, "unauthorized");
      return true;
    };
    expect(await code(scene.connect())).toBe("unauthorized");
    await scene.connect({ token: "right" });
    expect(await code(scene.connect({ token: "not\none" }))).toBe("invalid_argument");
    expect(
      await code(TestClient.connect(fakePlatform(scene.workers, scene.store), "ftp://x")),
    ).toBe("invalid_argument");
    await scene.server.close();
    expect(await code(scene.connect())).toBe("network");
    await scene.server.listen();
  });
});

describe("the ledger", () => {
  test("tells of the first request too, and of one that was refused", async () => {
    const scene = fresh();
    scene.server.fault = (_request, response) => {
      problem(response, 401, "unauthorized");
      return true;
    };
    const heard: LedgerEntry[] = [];
    const onRequest = (entry: LedgerEntry) => heard.push(entry);
    expect(await code(scene.connect({ onRequest }))).toBe("unauthorized");
    expect(heard).toMatchObject([{ what: "models", status: 401 }]);
  });

  test("shows every request as it was", async () => {
    const scene = fresh();
    const client = await scene.connect();
    const heard: number[] = [];
    const before = client.ledger.length;
    const stop = client.on("request", (entry) => heard.push(entry.id));
    const keys = await client.keys();
    await client.classify(PICTURE, { keys });
    stop();
    const { createHash } = await import("node:crypto");
    const inLedger = client.ledger.filter((entry) => entry.requestBytes > 0);
    const sent = scene.server.requests.filter((request) => request.body.length > 0);
    expect(inLedger).toHaveLength(sent.length);
    inLedger.forEach((entry, index) => {
      const body = sent[index]?.body ?? Buffer.alloc(0);
      expect(entry.requestBytes).toBe(body.length);
      expect(entry.sha256).toBe(createHash("sha256").update(body).digest("hex"));
      expect(Buffer.from(entry.head)).toEqual(body.subarray(0, 64));
      expect(entry.url).toBe(sent[index]?.path);
    });
    expect(client.ledger.map((entry) => entry.what)).toContain("classification-request");
    expect(heard).toEqual(client.ledger.slice(before).map((entry) => entry.id));
  });
});
