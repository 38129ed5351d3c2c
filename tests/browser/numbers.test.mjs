// A model that reads numbers: pasted and from a file, against the plain network.
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { folderWith } from "./lib/bundle.mjs";
import { greyPixels, plainScores, prepared } from "./lib/plain.mjs";
import { Secrets } from "./lib/secrets.mjs";
import { strangers, uploaded } from "./lib/tap.mjs";
import { settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

let preparation;
// The network for digits, which then reads what their pixels would become.
const models = await folderWith("shallow-mlp", ({ input }) => {
  preparation = input.preparation;
  input.preparation = { kind: "tensor" };
});
after(() => rm(models, { recursive: true, force: true }));

let page;
const here = world({
  flags: ["--models", models],
  async ready() {
    page = await here.visitor.open(here.evaluator.url);
    await page.phase("waiting");
  },
});

test("too few are refused with both counts, and nothing is sent", settings, async () => {
  await page.byId("numbers-field").fill("[1, 2, 3]");
  await page.tab.locator('[data-code="unsupported_numbers"]').waitFor();
  const said = await page.byId("problem").innerText();
  assert.match(said, /The model reads 784 numbers \(1 × 28 × 28\), but there are 3\./);
  assert.equal(uploaded(here.tap), 0);
});

test("pasted as JSON they have the scores of the plain network", settings, async () => {
  const numbers = await numbersOf("03-3-0.png");
  await page.byId("numbers-field").fill(JSON.stringify(numbers));
  assert.equal(await page.classify(), "3");
  await compare(numbers);
});

test("so do those of a .npy file, and none of them leaves", settings, async () => {
  here.tap.clear();
  const numbers = await numbersOf("08-8-0.png");
  const buffer = npy(numbers);
  await page.choose({ name: "eight.npy", mimeType: "application/octet-stream", buffer });
  await page.tab.getByText("784 numbers read, from eight.npy.").waitFor();
  assert.equal(await page.classify(), "8");
  await compare(numbers);
  assert.equal(uploaded(here.tap), 0);
  const secrets = new Secrets().addBytes("the file", buffer.subarray(-4 * numbers.length));
  for (const request of here.tap.requests) assert.deepEqual(secrets.in(request), []);
  assert.deepEqual(strangers(here.visitor, here.tap), []);
  assert.deepEqual(here.visitor.complaints, []);
});

async function numbersOf(sample) {
  const path = fileURLToPath(new URL(`../../samples-digits/${sample}`, import.meta.url));
  return prepared(await greyPixels(page.tab, await readFile(path)), preparation);
}

async function compare(numbers) {
  const plain = await plainScores(numbers);
  const scores = await page.scores();
  const off = Math.max(...plain.map((score, i) => Math.abs(score - scores[i])));
  // The forecast of this model is an error of 0.09, root mean square.
  assert.ok(off < 0.6, `a score is off by ${off}`);
}

/** A NumPy file of 32-bit numbers in the model's shape. */
function npy(numbers) {
  const dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 28, 28), }";
  const header = Buffer.from(`${dictionary.padEnd(117)}\n`);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  const magic = Buffer.from("\x93NUMPY\x01\x00", "latin1");
  return Buffer.concat([magic, length, header, Buffer.from(Float32Array.from(numbers).buffer)]);
}
