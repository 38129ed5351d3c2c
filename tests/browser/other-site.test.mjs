// The SDK in a page of another site, against an evaluator that allows that site and no other.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Evaluator } from "./lib/evaluator.mjs";
import { Visitor } from "./lib/page.mjs";
import { Site } from "./lib/site.mjs";
import { eventually, settings } from "./lib/wait.mjs";

let site;
let stranger;
let evaluator;
let visitor;

before(async () => {
  site = await Site.open();
  stranger = await Site.open();
  evaluator = await Evaluator.start("--cors-origins", site.origin);
  visitor = await Visitor.arrive();
});

after(async () => {
  await visitor?.leave();
  await evaluator?.remove();
  await stranger?.close();
  await site?.close();
});

test("a page of an allowed site classifies", settings, async () => {
  const { tab } = await visitor.open(site.origin);
  const visit = () =>
    tab.evaluate(async (url) => {
      const client = await window.Client.connect(url);
      const keys = await client.keys();
      const picture = await (await fetch("/samples/06-frog-0.png")).blob();
      const { label } = await client.classify(picture, { keys });
      client.close();
      return { label, fresh: keys.fresh };
    }, evaluator.url);
  assert.deepEqual(await visit(), { label: "frog", fresh: true });
  assert.deepEqual(await visit(), { label: "frog", fresh: false });
});

test("a page that is left cancels its job across sites", settings, async () => {
  const { tab } = await visitor.open(site.origin);
  await tab.evaluate(async (url) => {
    const client = await window.Client.connect(url);
    const keys = await client.keys();
    const picture = await (await fetch("/samples/03-cat-0.png")).blob();
    await new Promise((resolve, reject) => {
      const onProgress = ({ stage }) => stage === "evaluating" && resolve();
      client.classify(picture, { keys, onProgress }).catch(reject);
    });
  }, evaluator.url);
  await tab.goto("about:blank");
  await eventually("the job was not cancelled", async () => {
    const metrics = await (await fetch(`${evaluator.url}/metrics`)).text();
    return /blindsight_jobs_ended_total\{[^}]*"cancelled"[^}]*\} 1\b/.test(metrics);
  });
});

test("a page of any other site is not let in", settings, async () => {
  const { tab } = await visitor.open(stranger.origin);
  const code = await tab.evaluate(
    (url) => window.Client.connect(url).then(String, (error) => error.code),
    evaluator.url,
  );
  assert.equal(code, "network");
});
