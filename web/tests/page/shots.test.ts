import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { launch } from "./browser.ts";
import { serve } from "./serve.ts";

/** Pictures of the page to look at, in tests/page/out/. Made only when asked for: SHOTS=1. */
const out = fileURLToPath(new URL("out/shots/", import.meta.url));
const folder = fileURLToPath(new URL("out/dist/", import.meta.url)).replace(/\/$/, "");

let browser: Browser;
let site: { url: string; close: () => void };

beforeAll(async () => {
  mkdirSync(out, { recursive: true });
  browser = await launch();
  site = await serve(folder);
});

afterAll(async () => {
  await browser.close();
  site.close();
});

const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const VIEWS = [
  { name: "empty", query: "", sample: null, until: "waiting" },
  { name: "ready", query: "case=kept", sample: "cat", until: "ready" },
  { name: "keys", query: "speed=30&hold=keys", sample: "dog", until: "keys" },
  { name: "evaluating", query: "speed=30&hold=evaluating", sample: "frog", until: "evaluating" },
  { name: "done", query: "speed=50", sample: "cat", until: "done" },
  { name: "full", query: "case=full&speed=50", sample: "ship", until: "failed" },
  { name: "down", query: "case=down&speed=50", sample: null, until: "down" },
] as const;

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const scheme of ["light", "dark"] as const) {
    for (const view of VIEWS) {
      test.runIf(process.env["SHOTS"])(`${view.name}, ${size}, ${scheme}`, async () => {
        const context = await browser.newContext({
          viewport,
          colorScheme: scheme,
          hasTouch: size === "phone",
          isMobile: size === "phone",
          reducedMotion: "reduce",
        });
        const page = await context.newPage();
        await page.goto(`${site.url}/?${view.query}`);
        if (view.sample !== null) {
          await page.getByTestId(`sample-${view.sample}`).click();
          await page.locator('main[data-phase="ready"]').waitFor();
          if (view.until !== "ready") await page.getByTestId("classify").click();
        }
        await page.locator(`main[data-phase="${view.until}"]`).waitFor();
        await page.waitForTimeout(500);
        await page.screenshot({ path: `${out}${view.name}-${size}-${scheme}.png`, fullPage: true });
        await context.close();
      });
    }
  }
}
