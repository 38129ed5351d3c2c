// The label alone: the switch on the page, the further keys, the real network with exact comparisons
// behind it, and no scores. Needs `just test-browser`, which builds all of it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { note } from "./lib/figures.mjs";
import { strangers, uploaded } from "./lib/tap.mjs";
import { eventually, settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

let page;
const here = world({
  async ready() {
    page = await here.visitor.open(here.evaluator.url);
    await page.phase("waiting");
  },
});

const models = async () => (await (await fetch(`${here.evaluator.url}/v1/models`)).json()).models;

test("turning the switch costs the further keys, once", settings, async () => {
  const cost = async () => Number(await page.byId("label-only").getAttribute("data-keys"));
  const beforeKeys = await cost();
  await page.byId("sample-frog").click();
  assert.equal(await page.classify(), "frog");
  assert.equal((await page.scores()).length, 10);
  // Beside keys that are there, the further ones need a manifest of their own: the page asks what
  // they cost once the answer stands.
  await eventually("the switch says what it costs now", async () => (await cost()) !== beforeKeys);
  const further = await cost();
  assert.ok(further > 22_700_000 && further < 22_900_000, `${further} bytes of further keys`);
  here.tap.clear();
  await page.byId("label-only").click();
  await page.phase("ready");
  assert.deepEqual(await page.scores(), []);
  const began = performance.now();
  await page.byId("classify").click();
  await page.phase("preparing", "encrypting", "sending", "queued", "evaluating");
  const keysReady = performance.now();
  assert.equal(await page.answer(), "frog");
  const ended = performance.now();
  assert.equal(uploaded(here.tap), further);
  const workers = await page.tab.evaluate(() => navigator.hardwareConcurrency);
  await note("label_alone_first", {
    workers: Math.min(workers, 4),
    seconds: { keys_made_and_sent: (keysReady - began) / 1000, total: (ended - began) / 1000 },
    bytes: { uploaded_keys: further },
  });
});

test("the label is right, small, and all that there is", settings, async () => {
  here.tap.clear();
  await page.byId("sample-ship").click();
  await page.phase("ready");
  const began = performance.now();
  assert.equal(await page.classify(), "ship");
  const total = (performance.now() - began) / 1000;
  assert.equal(uploaded(here.tap), 0);
  assert.deepEqual(await page.scores(), []);
  assert.equal(await page.byId("scores").isVisible(), false);
  const text = await page.byId("result").innerText();
  assert.doesNotMatch(text, /\d %/);
  const { received } = here.tap.requests.find(({ path }) => path.endsWith("/result"));
  const [label] = (await models()).filter(({ answer }) => answer === "label");
  assert.equal(received, label.response_bytes);
  const asked = here.tap.requests.filter(({ path }) => path.endsWith("/jobs"));
  assert.deepEqual(
    asked.map(({ url }) => new URL(url).searchParams.get("model")),
    [label.id],
  );
  const network = (await page.byId("step-network").innerText()).replace(/\s+/g, " ");
  const decrypt = (await page.byId("step-decrypt").innerText()).replace(/\s+/g, " ");
  await note("label_alone_again", {
    seconds: { total },
    steps: { network, decrypt },
    bytes: { answer: received },
  });
  assert.deepEqual(strangers(here.visitor, here.tap), []);
  assert.deepEqual(here.visitor.complaints, []);
});

test("forgetting takes the further keys, too", settings, async () => {
  const [{ sets }] = await page.stored();
  assert.equal(sets.length, 2);
  await page.byId("forget").click();
  const gone = async ({ id, capability }) => {
    const headers = { "Blindsight-Capability": capability };
    return (await fetch(`${here.evaluator.url}/v1/keys/${id}`, { headers })).status === 404;
  };
  await eventually("the keys are still there", async () => {
    return (await Promise.all(sets.map(gone))).every(Boolean);
  });
});

test("an owner who withholds the scores leaves no choice", settings, async () => {
  await page.tab.close();
  await here.evaluator.stop();
  await here.evaluator.start("--labels-only", "resnet20");
  const refused = await fetch(`${here.evaluator.url}/v1/models/resnet20/contract`);
  assert.deepEqual([refused.status, (await refused.json()).code], [403, "scores_withheld"]);
  page = await here.visitor.open(here.evaluator.url);
  await page.phase("waiting");
  await page.byId("model-resnet20").click();
  const toggle = page.byId("label-only");
  await eventually("the switch is off", () => toggle.isChecked());
  assert.equal(await toggle.getAttribute("aria-disabled"), "true");
  await toggle.click({ force: true });
  assert.equal(await toggle.isChecked(), true);
  here.tap.clear();
  await page.byId("sample-truck").click();
  assert.equal(await page.classify(), "truck");
  assert.deepEqual(await page.scores(), []);
  const [whole] = (await models()).filter(({ of }) => of === "resnet20");
  assert.equal(uploaded(here.tap), whole.keys.bytes);
  assert.deepEqual(here.visitor.complaints, []);
});

test("an upload for the label alone goes on after a reload", settings, async () => {
  await page.byId("forget").click();
  await eventually("the keys are still stored", async () => (await page.stored()).length === 0);
  await page.tab.close();
  await here.evaluator.stop();
  await here.evaluator.start();
  page = await here.visitor.open(here.evaluator.url);
  await page.phase("waiting");
  // There is a choice again, and the wish of the first visit.
  assert.equal(await page.byId("label-only").getAttribute("aria-disabled"), "false");
  assert.equal(await page.byId("label-only").isChecked(), true);
  const label = (await models()).find(({ id }) => id === "resnet20.label");
  const whole = label.keys.bytes;
  here.tap.clear();
  await page.byId("sample-cat").click();
  await page.phase("ready");
  await page.byId("classify").click();
  await eventually("nothing is uploaded", () => uploaded(here.tap) > whole / 4);
  await page.tab.reload();
  await eventually("the keys do not arrive", async () => {
    return (await page.byId("keys").getAttribute("data-at")) === "kept";
  });
  const begun = here.tap.requests.filter((r) => r.method === "POST" && r.path === "/v1/uploads");
  assert.equal(begun.length, 1);
  const repeated = uploaded(here.tap) - whole;
  assert.ok(repeated >= 0 && repeated < whole / 5, `${repeated} bytes were sent twice`);
  assert.deepEqual(here.visitor.complaints, []);
});
