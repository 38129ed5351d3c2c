// The page, the SDK, WebAssembly and the evaluator together: real keys, the real network, real
// pictures, in Chromium. Needs `just test-browser`, which builds all of them.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Evaluator } from "./lib/evaluator.mjs";
import { PATIENCE, Visitor } from "./lib/page.mjs";
import { Secrets } from "./lib/secrets.mjs";
import { Tap } from "./lib/tap.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const CAT = `${root}samples/03-cat-0.png`;
const figures = { chromium: {} };

let evaluator;
let tap;
/** The person who keeps coming back in most of these tests. */
let regular;
let page;

before(async () => {
  evaluator = await Evaluator.start();
  tap = await Tap.open(evaluator.host);
  regular = await Visitor.arrive(tap.proxy);
});

after(async () => {
  await regular?.leave();
  await tap?.close();
  await evaluator?.remove();
  await mkdir(`${root}target/tests`, { recursive: true });
  await writeFile(`${root}target/tests/browser.json`, `${JSON.stringify(figures, null, 1)}\n`);
});

afterEach(() => {
  tap.cut = () => false;
  tap.down = false;
});

const settings = { timeout: 2 * PATIENCE };
const api = (request) => request.path.startsWith("/v1/");
const uploaded = () =>
  tap.requests.filter((r) => r.method === "PATCH").reduce((n, r) => n + r.sent, 0);

/** What was asked of anybody but the evaluator: by a page, or by something that is not Chromium. */
const strangers = () => [
  ...regular.elsewhere(evaluator.url),
  ...tap.strangers.filter((r) => !CHROMIUMS_OWN.test(r)),
];

/** Chromium's own services, which it asks for updates of itself. The tap lets nothing through. */
const CHROMIUMS_OWN =
  /^(CONNECT |POST http:\/\/)(update\.googleapis|accounts\.google|[\w-]+\.gvt1)\.com[:/]/;

/** Asks until the answer is right, and says what was wrong if it never is. */
async function eventually(what, ask) {
  const end = Date.now() + 20_000;
  while (!(await ask())) {
    assert.ok(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test(
  "a first visit: keys are made and sent, the label is right, nothing else leaves",
  settings,
  async () => {
    page = await regular.open(evaluator.url);
    await page.phase("waiting");
    await page.choose(CAT);
    await page.phase("ready");
    const began = performance.now();
    await page.byId("classify").click();
    await page.phase("preparing", "encrypting", "sending", "queued", "evaluating");
    const keysReady = performance.now();
    assert.equal(await page.answer(), "cat");
    const ended = performance.now();
    const status = await evaluator.status();
    figures.first_visit = {
      seconds: { keys_made_and_sent: (keysReady - began) / 1000, total: (ended - began) / 1000 },
      steps: await steps(),
      bytes: {
        uploaded_keys: uploaded(),
        sent: tap.requests.filter(api).reduce((n, r) => n + r.sent, 0),
        received: tap.requests.filter(api).reduce((n, r) => n + r.received, 0),
        page_received: tap.requests.filter((r) => !api(r)).reduce((n, r) => n + r.received, 0),
      },
      page_heap_bytes: await page.memory(),
      evaluator_peak_rss_bytes: status.peak_rss_bytes,
    };

    // What the ledger shows is what was sent.
    const shown = await page.ledger();
    const sent = tap.requests.filter(api);
    const line = (r) => [r.method, r.path, Number(r.sent), r.sent > 0 ? r.sha256 : ""].join(" ");
    const ledgerLines = shown.map((e) =>
      [e.method, e.path, Number(e.sent), Number(e.sent) > 0 ? e.sha256 : ""].join(" "),
    );
    assert.deepEqual(ledgerLines.sort(), sent.map(line).sort());
    assert.equal(
      Number(await page.byId("ledger-sum").getAttribute("data-sent")),
      sent.reduce((n, r) => n + r.sent, 0),
    );

    // Nothing that must stay here has left.
    const [record, ...others] = await page.stored();
    assert.deepEqual(others, []);
    assert.equal(record.extractable, false);
    assert.equal(record.seed.length, 32);
    const { models } = await (await fetch(`${evaluator.url}/v1/models`)).json();
    const scores = await page.scores();
    assert.equal(scores.length, 10);
    assert.ok(scores.every(Number.isFinite) && new Set(scores).size === 10);
    const secrets = new Secrets()
      .addBytes("the file", await readFile(CAT))
      .addPixels("the picture", await pixels(), models[0].normalisation)
      .addBytes("the seed", Buffer.from(record.seed))
      .addBytes("the sealed seed", Buffer.from(record.sealed))
      .addNumbers("score", scores);
    for (const request of tap.requests) {
      assert.deepEqual(secrets.in(request), [], `in ${request.method} ${request.path}`);
      if (api(request)) assert.doesNotMatch(request.head, /\bcat\b/);
    }
    assert.deepEqual(strangers(), []);
  },
);

test("a second visit sends no keys", settings, async () => {
  await page.tab.close();
  tap.clear();
  page = await regular.open(evaluator.url);
  await page.phase("waiting");
  const began = performance.now();
  for (const name of ["ship", "frog"]) {
    await page.byId(`sample-${name}`).click();
    assert.equal(await page.classify(), name);
    figures.second_visit ??= {
      seconds: { total: (performance.now() - began) / 1000 },
      steps: await steps(),
    };
  }
  assert.equal(uploaded(), 0);
  const sent = tap.requests.filter(api).reduce((n, r) => n + r.sent, 0);
  figures.second_visit.bytes_sent_each = sent / 2;
  assert.ok(sent < 2 * 600_000, `${sent} bytes for two pictures`);
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
      const { running, queue } = await evaluator.status();
      return running === 0 && queue.length === 0;
    });
    assert.equal(await page.classify(), "horse");
  },
);

test("a reload in the middle keeps the keys and leaves no job behind", settings, async () => {
  await page.byId("sample-truck").click();
  await page.phase("ready");
  await page.byId("classify").click();
  await page.phase("evaluating");
  tap.clear();
  await page.tab.reload();
  await page.phase("waiting");
  await page.byId("sample-truck").click();
  assert.equal(await page.classify(), "truck");
  assert.equal(uploaded(), 0);
  const { running, queue } = await evaluator.status();
  assert.deepEqual([running, queue.length], [0, 0], "the job of before still runs");
});

test("a corrupt picture is refused in words, and a good one works", settings, async () => {
  tap.clear();
  const cat = await readFile(CAT);
  const broken = [
    ["broken.png", cat.subarray(0, cat.length / 2)],
    ["empty.png", Buffer.alloc(0)],
    ["words.jpg", Buffer.from("no picture at all")],
  ];
  for (const [name, buffer] of broken) {
    await page.choose({ name, mimeType: "image/png", buffer });
    await page.byId("problem").waitFor();
    assert.ok((await page.byId("problem").innerText()).length > 20);
    assert.equal(await page.byId("classify").getAttribute("aria-disabled"), "true");
  }
  assert.deepEqual(tap.requests.filter(api), []);
  await page.choose(CAT);
  await page.phase("ready");
  assert.equal(await page.byId("problem").isVisible(), false);
});

test("a full server is waited for", settings, async () => {
  await evaluator.stop();
  await evaluator.start("--queue", "0");
  await page.choose(CAT);
  await page.phase("ready");
  await page.byId("classify").click();
  await eventually("the page does not say that the server is full", async () => {
    const text = await page.tab.locator("main").innerText();
    return /server is (full|busy)/i.test(text);
  });
  await evaluator.stop();
  await evaluator.start();
  assert.equal(await page.answer(), "cat");
});

test("a server that is down is said to be, and works again afterwards", settings, async () => {
  await page.tab.close();
  const fresh = await regular.open(evaluator.url);
  await fresh.phase("waiting");
  tap.down = true;
  await fresh.choose(CAT);
  await fresh.byId("classify").click();
  await eventually("the page does not say that the server cannot be reached", async () => {
    const text = await fresh.tab.locator("main").innerText();
    return /(cannot be reached|could not be reached|no connection|connection is broken|next try)/i.test(
      text,
    );
  });
  tap.down = false;
  if ((await fresh.phase("evaluating", "done", "failed")) === "failed") {
    await fresh.byId("remedy").click();
  }
  assert.equal(await fresh.answer(), "cat");
  page = fresh;
});

test("forgetting deletes the keys here and on the server", settings, async () => {
  const [{ upload }] = await page.stored();
  const ask = () =>
    fetch(`${evaluator.url}/v1/keys/${upload.id}`, {
      headers: { "Blindsight-Capability": upload.capability },
    });
  assert.equal((await ask()).status, 200);
  await page.byId("forget").click();
  await eventually("the keys are still there", async () => (await ask()).status === 404);
  await eventually("the keys are still stored", async () => (await page.stored()).length === 0);
  assert.deepEqual(regular.complaints, []);
});

test("an upload goes on where a broken connection or a reload stopped it", settings, async () => {
  const visitor = await Visitor.arrive(tap.proxy);
  try {
    tap.clear();
    const newcomer = await visitor.open(evaluator.url);
    await newcomer.phase("waiting");
    await newcomer.choose(CAT);
    await newcomer.phase("ready");
    const { models } = await (await fetch(`${evaluator.url}/v1/models`)).json();
    const whole = models[0].evaluation_keys.bytes;
    // In the middle of a part, a quarter of the way.
    let cuts = 0;
    tap.cut = (request) => {
      const now = request.method === "PATCH" && cuts === 0 && uploaded() > whole / 4;
      if (now) cuts++;
      return now;
    };
    await newcomer.byId("classify").click();
    await eventually("nothing was cut", () => cuts === 1);
    await eventually("the upload does not go on", () => uploaded() > whole / 2);
    await newcomer.tab.reload();
    // An unfinished upload goes on by itself.
    await eventually("the keys do not arrive", async () => {
      return (await newcomer.byId("keys").getAttribute("data-at")) === "kept";
    });
    const repeated = uploaded() - whole;
    assert.ok(repeated >= 0, "not everything was sent");
    assert.ok(repeated < whole / 5, `${repeated} bytes were sent twice`);
    figures.interrupted_upload = { bytes: whole, sent_twice: repeated };
    assert.equal(
      tap.requests.filter((r) => r.method === "POST" && r.path === "/v1/uploads").length,
      1,
    );
    await newcomer.phase("waiting", "ready");
    await newcomer.choose(CAT);
    assert.equal(await newcomer.classify(), "cat");
    assert.deepEqual(visitor.complaints, []);
  } finally {
    await visitor.leave();
  }
  assert.deepEqual(strangers(), []);
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
