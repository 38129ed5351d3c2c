import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults, RunOptions } from "axe-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Stage, stage, type Visit } from "./page.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let all: Stage;
beforeAll(async () => {
  all = await stage();
});
afterAll(() => all.close());

const VIEWS = [
  { name: "empty", query: "", sample: null, until: "waiting" },
  { name: "ready", query: "case=kept", sample: "cat", until: "ready" },
  { name: "making keys", query: "speed=30&hold=keys", sample: "dog", until: "keys" },
  { name: "computing", query: "speed=30&hold=evaluating", sample: "frog", until: "evaluating" },
  { name: "answered", query: "speed=50", sample: "cat", until: "done" },
  { name: "full", query: "case=full&speed=50", sample: "ship", until: "failed" },
  { name: "down", query: "case=down&speed=50", sample: null, until: "down" },
] as const;

const LOOKS = [
  { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { colorScheme: "light", viewport: { width: 320, height: 700 } },
] as const;

describe.each(LOOKS)("$colorScheme, $viewport.width px", (look) => {
  it.each(VIEWS)("$name", async ({ query, sample, until }) => {
    const visit = await all.open(query, look);
    if (sample !== null) {
      await visit.sample(sample);
      if (until !== "ready") await visit.page.getByTestId("classify").click();
    }
    await visit.phase(until);
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
