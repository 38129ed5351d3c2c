// Many digits in one request: the SDK in Chromium, against a model without keys that takes batches.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Evaluator } from "./lib/evaluator.mjs";
import { note } from "./lib/figures.mjs";
import { Visitor } from "./lib/page.mjs";
import { Site } from "./lib/site.mjs";
import { settings } from "./lib/wait.mjs";

const MODELS = fileURLToPath(new URL("./models", import.meta.url));
const DIGITS = fileURLToPath(new URL("../../samples-digits/", import.meta.url));

let site;
let evaluator;
let visitor;
let tab;

before(async () => {
  site = await Site.open();
  evaluator = await Evaluator.start("--cors-origins", site.origin, "--models", MODELS);
  visitor = await Visitor.arrive();
  ({ tab } = await visitor.open(site.origin));
});

after(async () => {
  await visitor?.leave();
  await evaluator?.remove();
  await site?.close();
});

test("one request without keys has the labels of ten digits", settings, async () => {
  const names = (await readdir(DIGITS)).filter((name) => name.endsWith(".png")).sort();
  const files = await Promise.all(names.map((name) => readFile(DIGITS + name, "base64")));
  const found = await tab.evaluate(
    async ([url, texts]) => {
      const client = await window.Client.connect(url);
      const keys = await client.keys();
      const inputs = texts.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
      const { results, requests, seconds } = await client.classifyBatch(inputs, { keys });
      const broken = [...inputs.slice(0, 2), new Uint8Array([1, 2, 3])];
      const error = await client.classifyBatch(broken, { keys }).catch((reason) => reason);
      const [{ inputs: room, keyCount }] = client.models;
      await client.close();
      return {
        labels: results.map(({ label }) => label),
        requests,
        seconds,
        room,
        keyCount,
        error: [error.code, error.index],
      };
    },
    [evaluator.url, files],
  );
  assert.deepEqual(
    found.labels,
    names.map((name) => name.split("-")[1]),
  );
  assert.deepEqual([found.requests, found.keyCount], [1, 0]);
  assert.ok(found.room >= 1024, `room for ${found.room}`);
  assert.deepEqual(found.error, ["unsupported_picture", 2]);
  await note("batch_of_ten_digits", { seconds: found.seconds });
});
