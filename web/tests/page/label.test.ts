import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Stage, stage, type Visit } from "./page.ts";

let all: Stage;
beforeAll(async () => {
  all = await stage();
});
afterAll(() => all.close());

async function during(query: string, work: (visit: Visit) => Promise<void>): Promise<void> {
  const visit = await all.open(query);
  await work(visit);
  expect(visit.complaints).toEqual([]);
  await visit.close();
}

const text = ({ page }: Visit, id: string): Promise<string> => page.getByTestId(id).innerText();

/** Everywhere in the document, to be seen or not. */
async function scores({ page }: Visit): Promise<number> {
  return page.locator("[data-score], #scores > *").count();
}

describe("the switch for the label alone", () => {
  it("is not there where no model has it", () =>
    during("case=models", async (visit) => {
      await visit.phase("waiting");
      expect(await visit.page.getByTestId("reveal").isVisible()).toBe(false);
    }));

  it("says its price, is turned with the keyboard, and then no score is in the page", () =>
    during("case=label&speed=50", async (visit) => {
      const { page } = visit;
      await visit.sample("cat");
      await page.getByTestId("classify").click();
      await visit.phase("done");
      expect(await scores(visit)).toBeGreaterThanOrEqual(10);
      expect(await text(visit, "reveal-cost")).toBe(
        "21.6 MB of further keys once, about 0.5 s more each time",
      );
      const toggle = page.getByRole("switch", { name: "Reveal only the label" });
      expect(await toggle.isChecked()).toBe(false);
      await toggle.focus();
      await page.keyboard.press("Space");
      // The answer with scores is gone, and the picture is still there.
      await visit.phase("ready");
      expect(await toggle.isChecked()).toBe(true);
      expect(await scores(visit)).toBe(0);
      await expect.poll(() => text(visit, "hint")).toContain("21.6 MB of further keys");
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("label-only");
      await page.getByTestId("classify").click();
      await visit.phase("done");
      expect(await text(visit, "label")).toBe("a cat");
      expect(await scores(visit)).toBe(0);
      expect(await page.getByTestId("scores").isVisible()).toBe(false);
      expect(await text(visit, "decrypted-here")).toContain("you learn the label alone");
      expect(await page.getByTestId("status").innerText()).toBe(
        "It looks like a cat. Decrypted here, the label alone.",
      );
      await expect.poll(() => text(visit, "reveal-cost")).toContain("0 bytes of further keys");
      // And back.
      await toggle.click();
      await visit.phase("ready");
      await page.getByTestId("classify").click();
      await visit.phase("done");
      expect(await page.getByTestId("scores").isVisible()).toBe(true);
    }));

  it("keeps its place when another model is chosen that has no such answer", () =>
    during("case=label&speed=50", async (visit) => {
      const { page } = visit;
      await visit.sample("cat");
      await page.getByTestId("label-only").click();
      await page.getByTestId("model-resnet56").check();
      await expect.poll(() => page.getByTestId("reveal").isVisible()).toBe(false);
      await page.getByTestId("model-resnet20").check();
      await expect.poll(() => page.getByTestId("label-only").isChecked()).toBe(true);
    }));

  it("is where it was after a reload", () =>
    during("case=label&speed=50", async (visit) => {
      const { page } = visit;
      await visit.phase("waiting");
      await page.getByTestId("label-only").click();
      await page.reload();
      await visit.phase("waiting");
      expect(await page.getByTestId("label-only").isChecked()).toBe(true);
    }));

  it("is on and stays on where the owner gives nothing else", () =>
    during("case=withheld&speed=50", async (visit) => {
      const { page } = visit;
      await visit.sample("cat");
      const toggle = page.getByTestId("label-only");
      expect(await toggle.getAttribute("aria-disabled")).toBe("true");
      await toggle.focus();
      await page.keyboard.press("Space");
      await toggle.click({ force: true });
      expect(await toggle.isChecked()).toBe(true);
      expect(await text(visit, "reveal-cost")).toContain("reveals nothing else");
      await page.getByTestId("classify").click();
      await visit.phase("done");
      expect([await text(visit, "label"), await scores(visit)]).toEqual(["a cat", 0]);
    }));

  it("cannot be turned while something runs", () =>
    during("case=label&speed=50&hold=evaluating", async (visit) => {
      await visit.sample("cat");
      await visit.page.getByTestId("classify").click();
      await visit.phase("evaluating");
      const toggle = visit.page.getByTestId("label-only");
      expect(await toggle.getAttribute("aria-disabled")).toBe("true");
      await toggle.click({ force: true });
      expect(await toggle.isChecked()).toBe(false);
      await visit.page.getByTestId("cancel").click();
      await visit.phase("ready");
    }));
});
