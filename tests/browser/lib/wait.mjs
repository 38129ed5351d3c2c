// Waiting for what takes as long as it takes.
import assert from "node:assert/strict";

import { PATIENCE } from "./page.mjs";

/** For tests with evaluations in them. */
export const settings = { timeout: 2 * PATIENCE };

/** Asks until the answer is right, and says what was wrong if it never is. */
export async function eventually(what, ask) {
  const end = Date.now() + 20_000;
  while (!(await ask())) {
    assert.ok(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
