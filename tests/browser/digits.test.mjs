// A digit drawn on the page, classified by the encrypted network with two layers and by the plain one.
import assert from "node:assert/strict";
import { test } from "node:test";

import { draw, ONE, SEVEN } from "./lib/drawing.mjs";
import { note } from "./lib/figures.mjs";
import { plainScores, prepared } from "./lib/plain.mjs";
import { Secrets } from "./lib/secrets.mjs";
import { strangers, uploaded } from "./lib/tap.mjs";
import { eventually, settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

let page;
const here = world({
  async ready() {
    page = await here.visitor.open(here.evaluator.url);
    await page.phase("waiting");
    await page.byId("model-shallow-mlp").click();
    await page.byId("pad").waitFor();
  },
});

test("a drawn digit has the label of the plain network", settings, async () => {
  await draw(page, SEVEN);
  await page.phase("ready");
  const began = performance.now();
  assert.equal(await page.classify(), "7");
  await note("drawn_digit_first", { seconds: { total: (performance.now() - began) / 1000 } });
  await check();
});

test("the next one is classified by itself, without keys to send", settings, async () => {
  await page.byId("clear").click();
  await page.phase("waiting");
  here.tap.clear();
  const began = performance.now();
  await draw(page, ONE);
  await page.phase("ready", "preparing", "encrypting", "sending", "queued", "evaluating", "done");
  assert.equal(await page.answer(), "1");
  const total = (performance.now() - began) / 1000;
  assert.match(await page.byId("hint").innerText(), /^It looks like a 1, in [\d.]+ m?s\./);
  assert.equal(uploaded(here.tap), 0);
  const picture = await check();
  const secrets = new Secrets().addBytes("the drawing", picture);
  for (const request of here.tap.requests) assert.deepEqual(secrets.in(request), []);
  await note("drawn_digit_again", { seconds: { from_first_touch: total } });
  assert.deepEqual(strangers(here.visitor, here.tap), []);
  assert.deepEqual(here.visitor.complaints, []);
});

/** Compares with the plain network on the pixels that the page shows; returns them. */
async function check() {
  const picture = Buffer.from(
    await page.byId("pixels").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, 28, 28);
      return [...data].filter((_, i) => i % 4 === 0);
    }),
  );
  const contract = await fetch(`${here.evaluator.url}/v1/models/shallow-mlp/contract`);
  const plain = await plainScores(prepared(picture, (await contract.json()).input.preparation));
  const best = plain.indexOf(Math.max(...plain));
  await eventually("the label is not the plain network's", async () => {
    return (await page.byId("label").getAttribute("data-label")) === String(best);
  });
  const scores = await page.scores();
  const off = Math.max(...plain.map((score, i) => Math.abs(score - scores[i])));
  // The forecast of this model is an error of 0.09, root mean square.
  assert.ok(off < 0.6, `a score is off by ${off}`);
  return picture;
}
