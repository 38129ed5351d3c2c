// The page, the SDK, WebAssembly and the evaluator together: real keys, the real network, real
// pictures, in Chromium. Needs `just test-browser`, which builds all of them.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { note } from "./lib/figures.mjs";
import { Secrets } from "./lib/secrets.mjs";
import { api, strangers, uploaded } from "./lib/tap.mjs";
import { eventually, settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const CAT = `${root}samples/03-cat-0.png`;
/** The stream that a page follows while its job runs. */
const EVENTS = /^\/v1\/jobs\/([^/]+)\/events$/;

const here = world();
let page;

test(
  "a first visit: keys are made and sent, the label is right, nothing else leaves",
  settings,
  async () => {
    page = await here.visitor.open(here.evaluator.url);
    await page.phase("waiting");
    await page.choose(CAT);
    await page.phase("ready");
    const began = performance.now();
    await page.byId("classify").click();
    await page.phase("preparing", "encrypting", "sending", "queued", "evaluating");
    const keysReady = performance.now();
    assert.equal(await page.answer(), "cat");
    const ended = performance.now();
    const status = await here.evaluator.status();
    await note("first_visit", {
      seconds: { keys_made_and_sent: (keysReady - began) / 1000, total: (ended - began) / 1000 },
      steps: await steps(),
      bytes: {
        uploaded_keys: uploaded(here.tap),
        sent: here.tap.requests.filter(api).reduce((n, r) => n + r.sent, 0),
        received: here.tap.requests.filter(api).reduce((n, r) => n + r.received, 0),
        page_received: here.tap.requests.filter((r) => !api(r)).reduce((n, r) => n + r.received, 0),
      },
      page_heap_bytes: await page.memory(),
      evaluator_peak_rss_bytes: status.peak_rss_bytes,
    });

    // What the ledger shows is what was sent.
    const shown = await page.ledger();
    const sent = here.tap.requests.filter(api);
    const line = ({ method, path, sent, sha256 }) =>
      [method, path.split("?")[0], Number(sent), Number(sent) > 0 ? sha256 : ""].join(" ");
    assert.deepEqual(shown.map(line).sort(), sent.map(line).sort());
    assert.equal(
      Number(await page.byId("ledger-sum").getAttribute("data-sent")),
      sent.reduce((n, r) => n + r.sent, 0),
    );

    // Nothing that must stay here has left.
    const [record, ...others] = await page.stored();
    assert.deepEqual(others, []);
    assert.equal(record.extractable, false);
    assert.equal(record.seed.length, 32);
    const list = `${here.evaluator.url}/v1/models`;
    const [{ id }] = (await (await fetch(list)).json()).models;
    const { input } = await (await fetch(`${list}/${id}/contract`)).json();
    const scores = await page.scores();
    assert.equal(scores.length, 10);
    assert.ok(scores.every(Number.isFinite) && new Set(scores).size === 10);
    const secrets = new Secrets()
      .addBytes("the file", await readFile(CAT))
      .addPixels("the picture", await pixels(), input.preparation)
      .addBytes("the seed", Buffer.from(record.seed))
      .addBytes("the sealed seed", Buffer.from(record.sealed))
      .addNumbers("score", scores);
    for (const request of here.tap.requests) {
      assert.deepEqual(secrets.in(request), [], `in ${request.method} ${request.path}`);
      if (api(request)) assert.doesNotMatch(request.head, /\bcat\b/);
    }
    assert.deepEqual(strangers(here.visitor, here.tap), []);
  },
);

test("a second visit sends no keys", settings, async () => {
  await page.tab.close();
  here.tap.clear();
  page = await here.visitor.open(here.evaluator.url);
  await page.phase("waiting");
  const began = performance.now();
  let first = null;
  for (const name of ["ship", "frog"]) {
    await page.byId(`sample-${name}`).click();
    assert.equal(await page.classify(), name);
    first ??= { seconds: { total: (performance.now() - began) / 1000 }, steps: await steps() };
  }
  assert.equal(uploaded(here.tap), 0);
  const sent = here.tap.requests.filter(api).reduce((n, r) => n + r.sent, 0);
  assert.ok(sent < 2 * 600_000, `${sent} bytes for two pictures`);
  await note("second_visit", { ...first, bytes_sent_each: sent / 2 });
});

test(
  "cancelling in the middle frees the server, and the next picture works",
  settings,
  async () => {
    await page.byId("sample-horse").click();
    await page.phase("ready");
    await page.byId("classify").click();
    await page.phase("evaluating");
    await page.byId("cancel").click();
    await page.phase("ready");
    await eventually("the job still runs", async () => {
      const { running, queue } = await here.evaluator.status();
      return running === 0 && queue.length === 0;
    });
    assert.equal(await page.classify(), "horse");
  },
);

test("a reload in the middle keeps the keys and cancels the job", settings, async () => {
  here.tap.clear();
  await page.byId("sample-truck").click();
  await page.phase("ready");
  await page.byId("classify").click();
  await page.phase("evaluating");
  const [job] = here.tap.requests.flatMap(({ path }) => EVENTS.exec(path)?.slice(1) ?? []);
  const [{ sets }] = await page.stored();
  const headers = { "Blindsight-Capability": sets[0].capability };
  const state = async () =>
    (await (await fetch(`${here.evaluator.url}/v1/jobs/${job}`, { headers })).json()).state;
  assert.equal(await state(), "running");
  here.tap.clear();
  await page.tab.reload();
  await eventually("the job goes on for nobody", async () => (await state()) !== "running");
  assert.equal(await state(), "cancelled");
  await page.phase("waiting");
  await page.byId("sample-truck").click();
  assert.equal(await page.classify(), "truck");
  assert.equal(uploaded(here.tap), 0);
});

test("a full server is waited for", settings, async () => {
  await here.evaluator.stop();
  await here.evaluator.start("--queue", "0");
  await page.choose(CAT);
  await page.phase("ready");
  await page.byId("classify").click();
  await eventually("the page does not say that the server is full", async () => {
    const text = await page.tab.locator("main").innerText();
    return /server is (full|busy)/i.test(text);
  });
  await here.evaluator.stop();
  await here.evaluator.start();
  assert.equal(await page.answer(), "cat");
});

test("a server that is down is said to be, and works again afterwards", settings, async () => {
  await page.tab.close();
  const fresh = await here.visitor.open(here.evaluator.url);
  await fresh.phase("waiting");
  here.tap.down = true;
  await fresh.choose(CAT);
  await fresh.byId("classify").click();
  await eventually("the page does not say that the server cannot be reached", async () => {
    const text = await fresh.tab.locator("main").innerText();
    return /(cannot be reached|could not be reached|no connection|connection is broken|next try)/i.test(
      text,
    );
  });
  here.tap.down = false;
  if ((await fresh.phase("evaluating", "done", "failed")) === "failed") {
    await fresh.remedy();
  }
  assert.equal(await fresh.answer(), "cat");
  page = fresh;
});

test("forgetting deletes the keys here and on the server", settings, async () => {
  const [{ sets }] = await page.stored();
  const [upload] = sets;
  const ask = () =>
    fetch(`${here.evaluator.url}/v1/keys/${upload.id}`, {
      headers: { "Blindsight-Capability": upload.capability },
    });
  assert.equal((await ask()).status, 200);
  await page.byId("forget").click();
  await eventually("the keys are still there", async () => (await ask()).status === 404);
  await eventually("the keys are still stored", async () => (await page.stored()).length === 0);
  assert.deepEqual(here.visitor.complaints, []);
});

// On a small ring without bootstraps, with keys of its own.
test("a digit, by another model: from the button to the label", settings, async () => {
  await page.phase("ready", "done", "waiting");
  here.tap.clear();
  await page.byId("model-shallow-lenet5").click();
  await page.byId("sample-7").click();
  await page.phase("ready");
  const began = performance.now();
  assert.equal(await page.classify(), "7");
  const first = (performance.now() - began) / 1000;
  const keys = uploaded(here.tap);
  assert.ok(keys > 3_500_000 && keys < 4_500_000, `${keys} bytes of keys`);
  here.tap.clear();
  await page.byId("sample-4").click();
  await page.phase("ready");
  const again = performance.now();
  assert.equal(await page.classify(), "4");
  assert.equal(uploaded(here.tap), 0);
  const later = (performance.now() - again) / 1000;
  await note("digit", { seconds: { first, later }, bytes: { uploaded_keys: keys } });
});

/** The picture's pixels, from the file: it has 32 x 32 of them already. */
async function pixels() {
  const rgba = await page.tab.evaluate(
    async (bytes) => {
      const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
      const canvas = new OffscreenCanvas(32, 32);
      const context = canvas.getContext("2d");
      context.drawImage(bitmap, 0, 0);
      return [...context.getImageData(0, 0, 32, 32).data];
    },
    [...(await readFile(CAT))],
  );
  return Buffer.from(rgba.filter((_, i) => i % 4 !== 3));
}

/** What the page says that each step took. */
async function steps() {
  const said = {};
  for (const step of ["keys", "upload", "encrypt", "network", "decrypt"]) {
    said[step] = (await page.byId(`step-${step}`).innerText()).replace(/\s+/g, " ");
  }
  return said;
}
