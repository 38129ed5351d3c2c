import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Stage, stage, type Visit } from "./page.ts";

let all: Stage;
beforeAll(async () => {
  all = await stage();
});
afterAll(() => all.close());

async function during(
  query: string,
  work: (visit: Visit) => Promise<void>,
  options = {},
): Promise<void> {
  const visit = await all.open(query, options);
  await work(visit);
  expect(visit.complaints).toEqual([]);
  await visit.close();
}

const text = ({ page }: Visit, id: string): Promise<string> => page.getByTestId(id).innerText();

type Places = readonly (readonly [number, number])[];
const SEVEN: Places = [
  [0.3, 0.2],
  [0.7, 0.2],
  [0.45, 0.8],
];

/** Draws a line over the pad with the mouse; places are parts of it. */
async function draw({ page }: Visit, places: Places): Promise<void> {
  const pad = page.getByTestId("pad");
  await pad.scrollIntoViewIfNeeded();
  const box = await pad.boundingBox();
  if (box === null) throw new Error("no pad to be seen");
  const [first, ...rest] = places.map(
    ([x, y]) => [box.x + x * box.width, box.y + y * box.height] as const,
  );
  if (first === undefined) return;
  await page.mouse.move(...first);
  await page.mouse.down();
  for (const place of rest) await page.mouse.move(...place, { steps: 8 });
  await page.mouse.up();
}

/** How many pixels of a canvas are bright on black. */
function bright({ page }: Visit, id: string): Promise<number> {
  return page.getByTestId(id).evaluate((canvas: HTMLCanvasElement) => {
    const data = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data;
    if (data === undefined) return 0;
    const red = data.filter((_, i) => i % 4 === 0);
    return red.filter((value, i) => (value * (data[4 * i + 3] ?? 0)) / 255 > 127).length;
  });
}

describe("a model that reads grey pictures", () => {
  it("has a pad; the drawing becomes 28 x 28 pixels, white on black", () =>
    during("case=digits&speed=40", async (visit) => {
      await visit.phase("waiting");
      expect(await text(visit, "hint")).toContain("First, draw or choose a picture.");
      expect(await visit.page.getByTestId("pad").getAttribute("aria-label")).toContain(
        "Draw a digit here",
      );
      await draw(visit, SEVEN);
      expect(await bright(visit, "pad")).toBeGreaterThan(1000);
      await visit.phase("ready");
      const side = await visit.page
        .getByTestId("pixels")
        .evaluate((canvas: HTMLCanvasElement) => [canvas.width, canvas.height]);
      expect(side).toEqual([28, 28]);
      const ink = await bright(visit, "pixels");
      expect(ink).toBeGreaterThan(40);
      expect(ink).toBeLessThan(160);
    }));

  it("asks by itself once there are keys, and says how long it took", () =>
    during("case=digits&speed=40", async (visit) => {
      await visit.phase("waiting");
      await draw(visit, SEVEN);
      await visit.phase("ready");
      // Without keys nothing goes anywhere: they are made when the person says so.
      await visit.page.waitForTimeout(1000);
      await visit.phase("ready");
      await visit.page.getByTestId("classify").click();
      await visit.phase("done");
      const requests = (): Promise<number> =>
        visit.page.locator('[data-what="classification-request"]').count();
      await expect.poll(requests).toBe(1);
      await draw(visit, [
        [0.35, 0.5],
        [0.65, 0.5],
      ]);
      await expect.poll(requests, { timeout: 8000 }).toBe(2);
      await visit.phase("done");
      expect(await text(visit, "label")).toBe("a 3");
      expect(await text(visit, "hint")).toBe(
        "It looks like a 3, in 9.8 s. Draw on, or clear the pad.",
      );
    }));

  it("gives up the answer for a stroke that follows", () =>
    during("case=digits&speed=40&hold=evaluating", async (visit) => {
      await visit.phase("waiting");
      await draw(visit, SEVEN);
      await visit.phase("ready");
      await visit.page.getByTestId("classify").click();
      await visit.phase("evaluating");
      await draw(visit, [
        [0.35, 0.5],
        [0.65, 0.5],
      ]);
      await visit.phase("ready");
      await visit.phase("evaluating");
      await visit.page.getByTestId("cancel").click();
      await visit.phase("ready");
      expect(await visit.page.getByTestId("problem").isHidden()).toBe(true);
    }));

  it("is cleared, and a file takes the place of the pad", () =>
    during("case=digits&speed=40", async (visit) => {
      const pad = visit.page.getByTestId("pad");
      await visit.phase("waiting");
      await draw(visit, SEVEN);
      await visit.phase("ready");
      await visit.page.getByTestId("clear").click();
      await visit.phase("waiting");
      expect(await bright(visit, "pad")).toBe(0);
      expect(await bright(visit, "pixels")).toBe(0);
      await visit.sample("7");
      expect(await pad.isVisible()).toBe(false);
      expect(await visit.page.getByTestId("square").isVisible()).toBe(true);
      await visit.page.getByRole("button", { name: "Draw instead" }).click();
      await visit.phase("waiting");
      expect(await pad.isVisible()).toBe(true);
    }));

  it("has a pad for fingers, which does not scroll the page", () =>
    during(
      "case=digits&speed=40",
      async (visit) => {
        await visit.phase("waiting");
        const pad = visit.page.getByTestId("pad");
        await pad.scrollIntoViewIfNeeded();
        const box = await pad.boundingBox();
        if (box === null) throw new Error("no pad to be seen");
        const before = await visit.page.evaluate(() => scrollY);
        const session = await visit.page.context().newCDPSession(visit.page);
        const touch = async (type: string, part: number | null): Promise<void> => {
          const at = part === null ? [] : [[0.5, part] as const];
          const touchPoints = at.map(([x, y]) => ({
            x: box.x + x * box.width,
            y: box.y + y * box.height,
          }));
          await session.send("Input.dispatchTouchEvent", {
            type: type as "touchStart",
            touchPoints,
          });
        };
        await touch("touchStart", 0.8);
        for (const part of [0.7, 0.6, 0.5, 0.4, 0.3, 0.2]) await touch("touchMove", part);
        await touch("touchEnd", null);
        await visit.phase("ready");
        expect(await bright(visit, "pixels")).toBeGreaterThan(30);
        expect(await visit.page.evaluate(() => scrollY)).toBe(before);
      },
      { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
    ));

  it("leaves nothing of a drawing to a model of photos, and no pad", () =>
    during("case=digits&speed=40", async (visit) => {
      await visit.phase("waiting");
      await draw(visit, SEVEN);
      await visit.phase("ready");
      await visit.page.getByTestId("model-resnet20").check();
      await visit.phase("waiting");
      expect(await visit.page.getByTestId("pad").isVisible()).toBe(false);
      expect(await visit.page.getByTestId("clear").isVisible()).toBe(false);
      await visit.page.getByText("Drop a picture").waitFor();
    }));
});

describe("a model that reads numbers", () => {
  const field = '[data-testid="numbers-field"]';

  it("has a field for them; wrong counts are said in a sentence", () =>
    during("case=numbers&speed=40", async (visit) => {
      await visit.phase("waiting");
      expect(await text(visit, "numbers")).toContain("2 × 2 × 2 numbers");
      expect(await visit.page.getByTestId("drop").isVisible()).toBe(false);
      expect(await visit.page.getByTestId("photograph").isVisible()).toBe(false);
      expect(await visit.page.locator('[data-testid^="sample-"]:visible').count()).toBe(0);
      await visit.page.fill(field, "1, 2, 3");
      const problem = visit.page.locator('[data-code="unsupported_numbers"]');
      await problem.waitFor();
      expect(await problem.innerText()).toContain("The model reads 8 numbers, but there are 3.");
      expect(await visit.page.locator(field).getAttribute("aria-invalid")).toBe("true");
      await visit.page.fill(field, "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]");
      await visit.phase("ready");
      expect(await problem.count()).toBe(0);
      expect(await text(visit, "numbers-line")).toBe("8 numbers read, from your text.");
      await visit.page.getByTestId("classify").click();
      await visit.phase("done");
      expect(await text(visit, "label")).toBe("cat");
      const look = await text(visit, "hex-picture");
      expect(look.replace(/\s+/g, " ")).toMatch(/^00 00 80 3f 00 00 00 40/);
    }));

  it("takes a file", () =>
    during("case=numbers&speed=40", async (visit) => {
      await visit.phase("waiting");
      await visit.page.fill(field, "1, 2, 3");
      await visit.page.locator('[data-code="unsupported_numbers"]').waitFor();
      const buffer = Buffer.from("1,2\n3,4\n5,6\n7,8\n");
      await visit.page
        .getByTestId("file")
        .setInputFiles({ name: "eight.csv", mimeType: "text/csv", buffer });
      await visit.phase("ready");
      expect(await text(visit, "numbers-line")).toBe("8 numbers read, from eight.csv.");
      expect(await text(visit, "numbers-field")).toBe("");
    }));
});

describe("the choice of models", () => {
  it("says what each reads", () =>
    during("case=digits", async (visit) => {
      await visit.phase("waiting");
      const models = await text(visit, "models");
      for (const wish of ["grey picture, 28 × 28", "photo, 32 × 32", "2 × 2 × 2 numbers"]) {
        expect(models).toContain(`Reads: ${wish}.`);
      }
    }));
});
