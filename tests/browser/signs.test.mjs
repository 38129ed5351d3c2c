// A drawn digit through a network of signs, which TFHE evaluates alone: its scores, then its label.
import assert from "node:assert/strict";
import { test } from "node:test";

import { draw, ONE, SEVEN } from "./lib/drawing.mjs";
import { note } from "./lib/figures.mjs";
import { strangers, uploaded } from "./lib/tap.mjs";
import { settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

/** The keys for exact answers, and nothing else. */
const KEY_BYTES = 22_791_434;
/** 784 signs: a sample's seed and bodies. */
const REQUEST_BYTES = 2_435;

let page;
const here = world({
  async ready() {
    page = await here.visitor.open(here.evaluator.url);
    await page.phase("waiting");
    await page.byId("model-signs-100").click();
    await page.byId("pad").waitFor();
  },
});

test("a drawn digit is classified with keys for exact answers alone", settings, async () => {
  await draw(page, SEVEN);
  await page.phase("ready");
  const began = performance.now();
  assert.equal(await page.classify(), "7");
  await note("signs_first", { seconds: { total: (performance.now() - began) / 1000 } });
  const sent = uploaded(here.tap);
  assert.ok(sent > KEY_BYTES && sent < KEY_BYTES + 200_000, `${sent} bytes of keys`);
  const scores = await page.scores();
  assert.equal(scores.length, 10);
  assert.equal(scores.indexOf(Math.max(...scores)), 7);
});

test("its label alone takes no further key", settings, async () => {
  assert.equal(await page.byId("label-only").getAttribute("data-keys"), "0");
  await page.byId("label-only").click();
  await page.phase("ready");
  here.tap.clear();
  assert.equal(await page.classify(), "7");
  assert.equal(uploaded(here.tap), 0);
  assert.deepEqual(await page.scores(), []);
  const jobs = here.tap.requests.filter(({ path }) => path.endsWith("/jobs"));
  assert.deepEqual(
    jobs.map(({ sent, url }) => [sent, new URL(url).searchParams.get("model")]),
    [[REQUEST_BYTES, "signs-100.label"]],
  );
});

test("the next drawing needs two kilobytes", settings, async () => {
  await page.byId("clear").click();
  await page.phase("waiting");
  here.tap.clear();
  const began = performance.now();
  await draw(page, ONE);
  await page.phase("ready", "preparing", "encrypting", "sending", "queued", "evaluating", "done");
  assert.equal(await page.answer(), "1");
  await note("signs_again", { seconds: { from_first_touch: (performance.now() - began) / 1000 } });
  const sent = here.tap.requests.reduce((sum, request) => sum + request.sent, 0);
  assert.equal(sent, REQUEST_BYTES);
  assert.deepEqual(strangers(here.visitor, here.tap), []);
  assert.deepEqual(here.visitor.complaints, []);
});
