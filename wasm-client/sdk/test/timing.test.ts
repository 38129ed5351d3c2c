// The real module takes the same time whatever the secret is. Minutes: with BLINDSIGHT_LONG only.
import { describe, expect, test } from "vitest";

import { readFileSync } from "node:fs";

import { ClientKeys, Contract, initSync, versions } from "../dist/wasm/blindsight_wasm.js";
import type { Description } from "../src/generated.js";
import { openAnswer, sealed, secretsOf } from "./linear-memory.js";
import { LARGEST_T, compareAgain, judge } from "./welch.js";

test("a difference of means is found, and none where there is none", () => {
  const noise = (at: number) => ((at * 7919) % 1000) / 10;
  const around = (mean: number) => Array.from({ length: 4000 }, (_, at) => mean + noise(at));
  expect(judge([around(1000), around(1000)]).t).toBeLessThan(LARGEST_T);
  expect(judge([around(1000), around(1010)]).t).toBeGreaterThan(LARGEST_T);
  expect(judge([around(1000), around(2000)]).t).toBe(Infinity);
});

const long = process.env["BLINDSIGHT_LONG"] !== undefined;

describe.runIf(long)("the time of the module", { timeout: 900_000 }, async () => {
  const file = (path: string) => readFileSync(new URL(path, import.meta.url));
  const { memory } = initSync({ module: file("../dist/wasm/blindsight_wasm_bg.wasm") });
  const bytes = new Uint8Array(file("../../../crates/contract/tests/sample.json"));
  const contract = Contract.parse(bytes);
  const said = contract.describe() as Description;
  const seed = new Uint8Array(32).map((_, index) => (index * 59 + 7) % 256);
  const { keyGeneration } = versions() as { keyGeneration: number };
  const { dense } = secretsOf(seed, said, keyGeneration);
  const secret = await sealed(seed, said);
  const keys = await ClientKeys.open(contract, secret.sealed, secret.key);
  // No sampler returns zeros alone, so the secret is overwritten where it lies.
  const place = Buffer.from(memory.buffer).indexOf(Buffer.from(dense.buffer));
  const others = Array.from({ length: 8 }, () =>
    dense.map(() => Math.floor(Math.random() * 3) - 1),
  );
  const zeros = new Int8Array(dense.length);
  let next = 0;
  /** Zeros for the first kind, one of the random secrets for the second. */
  const put = (second: boolean) => {
    next += 1;
    const chosen = second ? (others[next % others.length] ?? zeros) : zeros;
    new Int8Array(memory.buffer).set(chosen, place);
  };
  const same = (name: string, count: number, work: () => void) => {
    const verdict = compareAgain(count, put, work);
    console.log(`${name}: |t| ${verdict.t.toFixed(1)}, ${(100 * verdict.visible).toFixed(2)} %`);
    expect(verdict.t).toBeLessThan(LARGEST_T);
  };
  const coefficients = Array.from({ length: 32 }, (_, at) => (at * 130_363 + 9_973) % 2 ** 21);
  const answer = openAnswer(said, coefficients, 131_072);
  const values = new Float32Array(3072).map((_, index) => Math.sin(index));
  const tensor = JSON.parse(new TextDecoder().decode(bytes));
  tensor.input.preparation = { kind: "tensor" };
  const numbers = Contract.parse(new TextEncoder().encode(JSON.stringify(tensor)));

  test("would tell secrets apart if it depended on them", () => {
    expect(place).toBeGreaterThan(0);
    // What the module does not do: work for every coefficient that is not zero.
    const leak = () => {
      const coefficients = new Int8Array(memory.buffer, place, dense.length);
      let sum = 0;
      for (const each of coefficients) if (each !== 0) sum += Math.sqrt(sum + each * each);
      return sum;
    };
    expect(compareAgain(300, put, leak).t).toBeGreaterThan(LARGEST_T);
  });

  test("of decryption does not depend on the secret", () => {
    // An answer that nobody encrypted decrypts to noise, which takes as long as anything.
    same("decryption", 4000, () => keys.decrypt(contract, answer));
  });

  test("of encryption does not depend on the secret", () => {
    same("encryption", 800, () => keys.encryptValues(numbers, values));
  });

  test("of key generation does not depend on the secret", () => {
    same("a key", 400, () => keys.evaluationKey(contract, 1));
  });
});
