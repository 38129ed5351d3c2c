// Keys in trouble: an upload that breaks, a server that lost them, a browser without room for them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { note } from "./lib/figures.mjs";
import { Visitor } from "./lib/page.mjs";
import { strangers, uploaded } from "./lib/tap.mjs";
import { eventually, settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

const CAT = fileURLToPath(new URL("../../samples/03-cat-0.png", import.meta.url));

let page;
/** Bytes of all keys. */
let whole;
const here = world({
  async ready() {
    const { models } = await (await fetch(`${here.evaluator.url}/v1/models`)).json();
    whole = models[0].keys.bytes;
  },
});

const announced = () =>
  here.tap.requests.filter((r) => r.method === "POST" && r.path === "/v1/uploads").length;

test("an upload goes on where a broken connection or a reload stopped it", settings, async () => {
  page = await here.visitor.open(here.evaluator.url);
  await page.phase("waiting");
  await page.choose(CAT);
  await page.phase("ready");
  // In the middle of a part, a quarter of the way.
  let cuts = 0;
  here.tap.cut = (request) => {
    const now = request.method === "PATCH" && cuts === 0 && uploaded(here.tap) > whole / 4;
    if (now) cuts++;
    return now;
  };
  await page.byId("classify").click();
  await eventually("nothing was cut", () => cuts === 1);
  await eventually("the upload does not go on", () => uploaded(here.tap) > whole / 2);
  await page.tab.reload();
  // An unfinished upload goes on by itself.
  await eventually("the keys do not arrive", async () => {
    return (await page.byId("keys").getAttribute("data-at")) === "kept";
  });
  const repeated = uploaded(here.tap) - whole;
  assert.ok(repeated >= 0, "not everything was sent");
  assert.ok(repeated < whole / 5, `${repeated} bytes were sent twice`);
  await note("interrupted_upload", { bytes: whole, sent_twice: repeated });
  assert.equal(announced(), 1);
  await page.phase("waiting", "ready");
  await page.choose(CAT);
  assert.equal(await page.classify(), "cat");
  assert.deepEqual(here.visitor.complaints, []);
  assert.deepEqual(strangers(here.visitor, here.tap), []);
});

test("a server that lost the keys gets others, of a new seed", settings, async () => {
  const [before] = await page.stored();
  here.tap.clear();
  await here.evaluator.restartEmpty();
  await page.byId("sample-frog").click();
  assert.equal(await page.classify(), "frog");
  const [now, ...others] = await page.stored();
  assert.deepEqual(others, []);
  assert.notDeepEqual(now.seed, before.seed);
  assert.equal(now.sets.length, 1);
  assert.notEqual(now.sets[0].id, before.sets[0].id);
  assert.equal(uploaded(here.tap), whole);
  assert.equal(announced(), 1);
  assert.deepEqual(here.visitor.complaints, []);
});

test("a browser without room for the keys says so, and can go on without", settings, async () => {
  const newcomer = await Visitor.arrive(here.tap.proxy);
  try {
    const cramped = await newcomer.open(here.evaluator.url);
    await cramped.phase("waiting");
    await newcomer.limitStorage(cramped, here.evaluator.url, 1);
    await cramped.byId("sample-ship").click();
    await cramped.phase("ready");
    here.tap.clear();
    await cramped.byId("classify").click();
    await cramped.phase("failed");
    assert.equal(await cramped.byId("problem").getAttribute("data-code"), "storage_quota");
    assert.equal(uploaded(here.tap), 0);
    await cramped.remedy();
    assert.equal(await cramped.answer(), "ship");
    assert.deepEqual(await cramped.stored(), []);
    // Nobody can use them once the page is gone.
    await cramped.tab.goto("about:blank");
    const deleted = ({ method, path, status }) =>
      method === "DELETE" && path.startsWith("/v1/keys/") && status === 204;
    await eventually("the keys stay on the server", () => here.tap.requests.some(deleted));
    assert.deepEqual(newcomer.complaints, []);
  } finally {
    await newcomer.leave();
  }
});
