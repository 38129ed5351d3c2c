// An evaluator, somebody who visits its page, and the tap between them.
import { after, afterEach, before } from "node:test";

import { Evaluator } from "./evaluator.mjs";
import { Visitor } from "./page.mjs";
import { Tap } from "./tap.mjs";

/** They are there for all tests of a file; `flags` are the evaluator's, `ready` prepares more. */
export function world({ flags = [], ready = async () => {} } = {}) {
  const all = { evaluator: null, tap: null, visitor: null };
  before(async () => {
    all.evaluator = await Evaluator.start(...flags);
    all.tap = await Tap.open(all.evaluator.host);
    all.visitor = await Visitor.arrive(all.tap.proxy);
    await ready();
  });
  afterEach(() => {
    all.tap.cut = () => false;
    all.tap.down = false;
  });
  after(async () => {
    await all.visitor?.leave();
    await all.tap?.close();
    await all.evaluator?.remove();
  });
  return all;
}
