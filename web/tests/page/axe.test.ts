import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults, RunOptions } from "axe-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Stage, stage, type Visit } from "./page.ts";
import { reach, VIEWS } from "./views.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let all: Stage;
beforeAll(async () => {
  all = await stage();
});
afterAll(() => all.close());

const LOOKS = [
  { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { colorScheme: "light", viewport: { width: 320, height: 700 } },
] as const;

describe.each(LOOKS)("$colorScheme, $viewport.width px", (look) => {
  it.each(VIEWS)("$name", async (view) => {
    const visit = await all.open(view.query, look);
    await reach(visit, view);
    await visit.page.waitForTimeout(250);
    expect(await violations(visit)).toEqual([]);
    const [content, window] = await visit.page.evaluate(() => [
      document.documentElement.scrollWidth,
      innerWidth,
    ]);
    expect(content, "nothing sticks out to the side").toBeLessThanOrEqual(window ?? 0);
    expect(visit.complaints).toEqual([]);
    await visit.close();
  });
});

async function violations({ page }: Visit): Promise<string[]> {
  // Through the debugger, so that the page's policy does not stop it.
  await page.evaluate(axe);
  const results = await page.evaluate(async () => {
    const options: RunOptions = {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    };
    const { axe } = window as unknown as {
      axe: { run: (context: Document, options: RunOptions) => Promise<AxeResults> };
    };
    return axe.run(document, options);
  });
  return results.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.html} ${node.failureSummary ?? ""}`),
  );
}
