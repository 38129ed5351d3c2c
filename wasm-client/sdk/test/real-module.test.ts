// The built package with the real module: run `just sdk` before.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readFileSync } from "node:fs";

import { BlindsightError, Client, getVersions } from "../dist/node.js";
import type { Contract as ContractData, Keys } from "../dist/browser.js";
import { Contract, initSync, versions } from "../dist/wasm/blindsight_wasm.js";
import type { Description } from "../src/generated.js";
import { FakeServer } from "./fake-server.mjs";
import { labelAlone } from "./label-contract.js";

const file = (path: string) => readFileSync(new URL(path, import.meta.url));
initSync({ module: file("../dist/wasm/blindsight_wasm_bg.wasm") });

/** The sample contract, changed. */
function model(change: (contract: ContractData) => void = () => undefined) {
  const text = file("../../../crates/contract/tests/sample.json").toString();
  const contract = JSON.parse(text) as ContractData;
  change(contract);
  const bytes = new TextEncoder().encode(JSON.stringify(contract));
  return { bytes, description: Contract.parse(bytes).describe() as Description };
}

const FULL = model();
const FEWER = model((contract) => {
  contract.id = "fewer-keys";
  contract.keys.splice(1, 3);
});
const LABEL = model(labelAlone);
const NUMBERS = model((contract) => {
  contract.id = "numbers";
  contract.input.preparation = { kind: "tensor" };
});

describe("the real module", () => {
  let server: FakeServer;
  let client: Client;
  let keys: Keys;

  beforeAll(async () => {
    server = new FakeServer(FEWER, FULL, NUMBERS);
    server.manifestBytes = null;
    await server.listen();
    client = await Client.connect(server.url);
    keys = await client.keys();
  }, 120_000);

  afterAll(async () => {
    const began = performance.now();
    await client.close();
    // Its workers answered that they are wiped: nobody waited for the deadline.
    expect(performance.now() - began).toBeLessThan(1900);
    await server.close();
  });

  test("makes the keys that the server expects, and further ones for another model", async () => {
    expect(keys.bytes).toBe(server.length);
    expect(keys.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(keys.persisted).toBe(false);
    const missing = await client.missingKeys({ model: FULL.description.id });
    expect(missing.count).toBe(3);
    const more = await client.keys({ model: FULL.description.id });
    expect(more.sent).toBe(missing.bytes);
    const both = missing.bytes + keys.bytes;
    // All keys, under two manifests instead of one.
    const whole = client.models[1]?.bytes.keys ?? 0;
    expect(both - whole).toBeGreaterThan(0);
    expect(both - whole).toBeLessThan(100);
  });

  test("has the versions that the package says", () => {
    const { version, wire, keyGeneration, contract } = versions() as Record<string, unknown>;
    expect(getVersions()).toEqual({ sdk: version, api: "2", wire, keyGeneration, contract });
  });

  test("says what models read, and shows their contracts", () => {
    const inputs = client.models.map(({ input }) => input);
    const size = { channels: 3, rows: 32, columns: 32, largest: 64 };
    expect(inputs).toEqual([
      { kind: "photo", ...size },
      { kind: "photo", ...size },
      { kind: "tensor", ...size },
    ]);
    const { input, scheme } = client.contract({ model: "numbers" });
    expect(input.preparation).toEqual({ kind: "tensor" });
    expect(scheme.log2_degree).toBe(15);
  });

  test("encrypts pictures and numbers, never twice the same", async () => {
    const picture = new Uint8Array(3072).map((_, index) => index % 251);
    const [a, b] = [
      await client.encrypt(picture, { keys }),
      await client.encrypt(picture, { keys }),
    ];
    expect(a.length).toBe(FEWER.description.requestBytes);
    expect(Buffer.from(a).equals(Buffer.from(b))).toBe(false);
    const numbers = new Float32Array(3072).fill(-64);
    const request = await client.encrypt(numbers, { keys, model: "numbers" });
    expect(request.length).toBe(a.length);
  });

  test("prepares files and pixels", async () => {
    const cat = file("../../../samples/03-cat-0.png");
    const preview = await client.preview(cat);
    expect(preview.pixels).toMatchObject({ width: 32, height: 32 });
    expect(preview.pixels.rgb.length).toBe(3072);
    expect(preview.square.data.length).toBe(4 * preview.square.width * preview.square.height);
    const data = preview.square.data;
    const pixels = { data, width: 32, height: 32, colorSpace: "srgb" } as ImageData;
    expect((await client.preview(pixels)).pixels).toEqual(preview.pixels);
    expect((await client.preview(new Blob([cat]))).pixels).toEqual(preview.pixels);
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
    for (const bad of [new Float32Array(3071), new Float32Array(3072).fill(64.5)]) {
      expect(await code(client.encrypt(bad, { keys, model: "numbers" }))).toBe("invalid_argument");
    }
    expect(await code(client.preview(new Uint8Array(3072), { model: "numbers" }))).toBe(
      "invalid_argument",
    );
  });
});

describe("the real module, for the label alone,", () => {
  let server: FakeServer;
  let client: Client;
  let keys: Keys;
  const answer = "label" as const;

  beforeAll(async () => {
    server = new FakeServer(FULL, LABEL);
    server.manifestBytes = null;
    await server.listen();
    client = await Client.connect(server.url);
    keys = await client.keys();
  }, 120_000);

  afterAll(async () => {
    await client.close();
    await server.close();
  });

  test("makes the keys that scores do not need, for the same secret", async () => {
    expect(client.refusedModels).toEqual([]);
    expect(client.models.map((each) => [each.answer, each.of])).toEqual([
      ["scores", FULL.description.id],
      ["label", FULL.description.id],
    ]);
    const missing = await client.missingKeys({ answer });
    // 22,790,480 bytes in docs/exact.md, and what says whose they are.
    expect(missing.bytes).toBeGreaterThan(22_700_000);
    expect(missing.bytes).toBeLessThan(22_900_000);
    const more = await client.keys({ answer });
    expect([more.sent, more.sets.length]).toEqual([missing.bytes, 2]);
    expect(await client.missingKeys({ answer })).toEqual({ count: 0, bytes: 0 });
  }, 120_000);

  test("encrypts the same requests, and takes no answer for another", async () => {
    const code = (work: Promise<unknown>) =>
      work.catch((error: unknown) => (error instanceof BlindsightError ? error.code : error));
    const picture = new Uint8Array(3072);
    const request = await client.encrypt(picture, { keys, answer });
    expect(request.length).toBe(FULL.description.requestBytes);
    expect(LABEL.description.answerBytes).toBeLessThan(FULL.description.answerBytes / 10);
    const scores = new Uint8Array(FULL.description.answerBytes);
    expect(await code(client.decrypt(scores, { keys, answer }))).toBe("bad_answer");
    const label = new Uint8Array(LABEL.description.answerBytes);
    expect(await code(client.decrypt(label, { keys, answer }))).toBe("bad_answer");
    expect(await code(client.decrypt(label, { keys }))).toBe("bad_answer");
  });
});

describe("the real module's door", () => {
  const refusal = (change: (contract: ContractData) => void) => {
    const error: unknown = (() => {
      try {
        return model(change);
      } catch (thrown) {
        return thrown;
      }
    })();
    return error as Error & { code: string };
  };

  test("refuses weak parameters with a sentence", () => {
    const weak = refusal((contract) => (contract.scheme.log2_degree = 14));
    expect(weak.code).toBe("contract_refused");
    expect(weak.message).toContain("128 bits of security");
    expect(refusal((contract) => contract.keys.push({} as ContractData["keys"][number])).code).toBe(
      "contract_refused",
    );
    expect(refusal((contract) => (contract.title = "x\u202ey")).message).toContain("title");
  });

  test("keeps a server with nothing else out", async () => {
    const text = new TextDecoder()
      .decode(FULL.bytes)
      .replace('"log2_degree":15', '"log2_degree":14');
    const bytes = new TextEncoder().encode(text);
    const server = await new FakeServer({ bytes, description: FULL.description }).listen();
    await expect(Client.connect(server.url)).rejects.toMatchObject({ code: "contract_refused" });
    await server.close();
  });
});
