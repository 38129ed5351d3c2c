// The built package with the real module: run `just sdk` before.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { BlindsightError, Client, getVersions } from "../dist/node.js";
import type { Keys } from "../dist/browser.js";
import { FakeServer } from "./fake-server.mjs";
import { initSync, parameters } from "../dist/wasm/blindsight_wasm.js";
import { readFileSync } from "node:fs";

const module = new URL("../dist/wasm/blindsight_wasm_bg.wasm", import.meta.url);
initSync({ module: readFileSync(module) });
const description = parameters() as ConstructorParameters<typeof FakeServer>[0] & {
  wireVersion: number;
  keyGenerationVersion: number;
  version: string;
};

describe("the real module", () => {
  let server: FakeServer;
  let client: Client;
  let keys: Keys;

  beforeAll(async () => {
    server = await new FakeServer(description).listen();
    client = await Client.connect(server.url);
    keys = await client.keys();
  }, 120_000);

  afterAll(async () => {
    client.close();
    await server.close();
  });

  test("makes the keys that the server expects", () => {
    expect(keys.bytes).toBe(server.length);
    expect(keys.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(keys.persisted).toBe(false);
  });

  test("has the versions that the package says", () => {
    expect(getVersions()).toEqual({
      sdk: description.version,
      api: "1",
      wire: description.wireVersion,
      keyGeneration: description.keyGenerationVersion,
    });
  });

  test("encrypts pictures, never twice the same", async () => {
    const picture = new Uint8Array(3072).map((_, index) => index % 251);
    const [a, b] = [
      await client.encrypt(picture, { keys }),
      await client.encrypt(picture, { keys }),
    ];
    expect(a.length).toBe(description.requestBytes);
    expect(Buffer.from(a).equals(Buffer.from(b))).toBe(false);
  });

  test("prepares files and pixels", async () => {
    const file = readFileSync(new URL("../../../samples/03-cat-0.png", import.meta.url));
    const preview = await client.preview(file);
    expect(preview.rgb32.length).toBe(3072);
    expect(preview.square.data.length).toBe(4 * preview.square.width * preview.square.height);
    const data = preview.square.data;
    const pixels = { data, width: 32, height: 32, colorSpace: "srgb" } as ImageData;
    expect((await client.preview(pixels)).rgb32).toEqual(preview.rgb32);
    expect((await client.preview(new Blob([file]))).rgb32).toEqual(preview.rgb32);
  });

  test("refuses what is wrong with a code", async () => {
    const code = (work: Promise<unknown>) =>
      work.catch((error: unknown) => (error instanceof BlindsightError ? error.code : error));
    expect(await code(client.preview(new Uint8Array(10)))).toBe("unsupported_picture");
    expect(await code(client.preview(new Uint8Array((32 << 20) + 1)))).toBe("picture_too_large");
    expect(await code(client.preview({} as Blob))).toBe("invalid_argument");
    expect(await code(client.decrypt(new Uint8Array(50), { keys }))).toBe("bad_answer");
    expect(await code(client.decrypt(new Uint8Array(1 << 20), { keys }))).toBe("bad_answer");
    expect(await code(client.encrypt(new Uint8Array(3072), { keys: {} as Keys }))).toBe(
      "invalid_argument",
    );
  });
});
