import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type Stage, stage } from "./page.ts";
import { reach, VIEWS } from "./views.ts";

/** Pictures of the page to look at, in tests/page/out/. Made only when asked for: SHOTS=1. */
const out = fileURLToPath(new URL("out/shots/", import.meta.url));

let all: Stage;
beforeAll(async () => {
  mkdirSync(out, { recursive: true });
  all = await stage();
});
afterAll(() => all.close());

const DEVICES = {
  desktop: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};

describe.runIf(process.env["SHOTS"]).each(Object.entries(DEVICES))("%s", (name, device) => {
  describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
    test.each(VIEWS)("$name", async (view) => {
      const visit = await all.open(view.query, { ...device, colorScheme });
      await reach(visit, view);
      await visit.page.waitForTimeout(500);
      const path = `${out}${view.name}-${name}-${colorScheme}.png`;
      await visit.page.screenshot({ path, fullPage: true });
      await visit.close();
    });
  });
});
