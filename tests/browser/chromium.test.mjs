// How the tests find their Chromium.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { chromiumPath } from "../chromium/chromium.mjs";

const named = process.env.CHROMIUM;

afterEach(() => {
  if (named === undefined) delete process.env.CHROMIUM;
  else process.env.CHROMIUM = named;
});

test("the variable counts more than anything that is installed", () => {
  process.env.CHROMIUM = process.execPath;
  assert.equal(chromiumPath("/nowhere/else"), process.execPath);
});

test("what it names must be there: no other is taken instead", () => {
  process.env.CHROMIUM = "/nowhere/chromium";
  assert.throws(() => chromiumPath(process.execPath), /\/nowhere\/chromium.*CHROMIUM/);
});

test("Playwright's own is the last resort; without any the error names every place", () => {
  delete process.env.CHROMIUM;
  assert.equal(chromiumPath(process.execPath, "/nowhere"), process.execPath);
  assert.throws(() => chromiumPath("/a", "/b"), /\/b or \/a.*CHROMIUM/);
});
