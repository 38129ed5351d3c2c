// Two classes of one's own, taught on the page with a few drawings each under encryption.
import assert from "node:assert/strict";
import { test } from "node:test";

import { note } from "./lib/figures.mjs";
import { Secrets } from "./lib/secrets.mjs";
import { strangers } from "./lib/tap.mjs";
import { eventually, settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

/** A ring that is a little different each time, as parts of the pad. */
const ring = (wide, tall) =>
  Array.from({ length: 13 }, (_, i) => {
    const angle = (i / 12) * 2 * Math.PI;
    return [0.5 + wide * Math.sin(angle), 0.5 - tall * Math.cos(angle)];
  });
/** A tick, steeper or flatter. */
const tick = (low, right) => [
  [0.2, 0.5],
  [0.4, low],
  [right, 0.2],
];

let page;
const here = world({
  async ready() {
    page = await here.visitor.open(here.evaluator.url);
    await page.phase("waiting");
    await page.byId("teach").waitFor();
  },
});

test("a few drawings teach two classes, and new ones are told apart", settings, async () => {
  const began = performance.now();
  for (const name of ["ring", "tick"]) {
    await page.byId("teach-field").fill(name);
    await page.byId("teach-add").click();
    await page.byId(`teach-class-${name}`).waitFor();
  }
  for (const [wide, tall] of [
    [0.2, 0.3],
    [0.3, 0.3],
  ]) {
    await show("ring", ring(wide, tall));
  }
  for (const [low, right] of [
    [0.8, 0.7],
    [0.7, 0.85],
  ]) {
    await show("tick", tick(low, right));
  }
  await note("teach_two_classes", {
    examples: 4,
    seconds: { total: (performance.now() - began) / 1000 },
  });
  assert.equal(await ask(ring(0.27, 0.25)), "ring");
  assert.equal(await ask(tick(0.78, 0.75)), "tick");
});

test("what was taught is kept in this browser and never sent", settings, async () => {
  const stored = await page.tab.evaluate(() => localStorage.getItem("blindsight-taught"));
  // By the encoder's contract: there is one that was taught something.
  const [taught] = Object.values(JSON.parse(stored));
  assert.deepEqual(taught.classes, ["ring", "tick"]);
  assert.equal(taught.lessons.length, 4);
  const secrets = new Secrets();
  for (const { features } of taught.lessons) {
    secrets.addBytes("features", Buffer.from(Float32Array.from(features).buffer));
  }
  for (const request of here.tap.requests) {
    assert.deepEqual(secrets.in(request), []);
    assert.ok(!JSON.stringify(request.path ?? "").includes("ring"));
  }
  assert.deepEqual(strangers(here.visitor, here.tap), []);

  // After a reload it is still known, and needs no new keys.
  await page.tab.reload();
  await page.phase("waiting");
  await page.byId("teach-class-ring").waitFor();
  assert.equal(await ask(tick(0.72, 0.8)), "tick");
  await page.byId("teach-forget").click();
  await eventually("what was taught is still kept", () =>
    page.tab.evaluate(() => localStorage.getItem("blindsight-taught") === null),
  );
  assert.equal(await page.byId("teach-class-ring").count(), 0);
  assert.deepEqual(here.visitor.complaints, []);
});

/** Draws an example of a class, and waits until it was taught. */
async function show(name, places) {
  const row = page.byId(`teach-class-${name}`);
  const before = Number(await row.getAttribute("data-count"));
  await draw(places);
  await page.byId(`teach-this-${name}`).click();
  await page.tab
    .locator(`[data-testid="teach-class-${name}"][data-count="${before + 1}"]`)
    .waitFor();
  await page.tab.locator('[data-testid="teach"][data-at="idle"]').waitFor();
}

/** Draws something and asks what it is. */
async function ask(places) {
  await page.byId("teach-clear").click();
  await draw(places);
  await page.byId("teach-ask").click();
  await page.byId("teach-label").waitFor();
  return page.byId("teach-label").getAttribute("data-label");
}

/** Draws a line on the pad with the mouse. */
async function draw(places) {
  const pad = page.byId("teach-pad");
  await pad.scrollIntoViewIfNeeded();
  const box = await pad.boundingBox();
  const [first, ...rest] = places.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
  const { mouse } = page.tab;
  await mouse.move(...first);
  await mouse.down();
  for (const place of rest) await mouse.move(...place, { steps: 4 });
  await mouse.up();
}
