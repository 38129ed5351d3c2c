// A service that only people with its token may use.
import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { api } from "./lib/tap.mjs";
import { eventually, settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

const TOKEN = "opensesame-4711-4712";
const tokens = join(await mkdtemp(join(tmpdir(), "blindsight-token-")), "tokens");
await writeFile(tokens, TOKEN);
const here = world({ flags: ["--token-file", tokens] });

test("the page asks for the token, and everything works with it", settings, async () => {
  const page = await here.visitor.open(here.evaluator.url);
  await page.phase("locked");
  await page.byId("token").fill("another");
  await page.byId("unlock").click();
  await page.byId("token-wrong").getByText("not the token").waitFor();
  await page.byId("token").fill(TOKEN);
  await page.byId("unlock").click();
  await page.phase("waiting");
  await page.byId("sample-cat").click();
  assert.equal(await page.classify(), "cat");

  // The book has the refused requests, too.
  const sent = here.tap.requests.filter(api);
  await eventually("the book is not complete", async () => {
    const shown = await page.byId("ledger-sum").getAttribute("data-requests");
    return Number(shown) === sent.length;
  });

  // The token goes into one header, of requests to the service, and is kept nowhere.
  const bearer = `Bearer ${TOKEN}`;
  assert.deepEqual(
    sent.map(({ headers }) => headers.includes(bearer)),
    sent.map((_, i) => i > 1),
  );
  for (const request of here.tap.requests) {
    const { head, body } = request;
    assert.equal(head.replace(bearer, "").includes(TOKEN) || body.includes(TOKEN), false);
    if (!api(request)) assert.equal(head.includes(TOKEN), false);
  }
  const kept = await page.tab.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
  );
  assert.equal(kept, "[{},{}]");
  await page.tab.reload();
  await page.phase("locked");
  assert.deepEqual(here.visitor.complaints, []);
});
