import { afterAll, beforeAll, expect, it } from "vitest";
import { type Stage, stage, type Visit } from "./page.ts";

let all: Stage;
beforeAll(async () => {
  all = await stage();
});
afterAll(() => all.close());

/** A dot near one corner of the pad beside one in the middle, which show where it is. */
async function draw({ page }: Visit, x: number, y: number): Promise<void> {
  const pad = page.getByTestId("teach-pad");
  await pad.scrollIntoViewIfNeeded();
  const box = await pad.boundingBox();
  if (box === null) throw new Error("no pad to be seen");
  await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.5 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 6 });
  await page.mouse.up();
}

async function addClass({ page }: Visit, name: string): Promise<void> {
  await page.getByTestId("teach-field").focus();
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await page.getByTestId(`teach-class-${name}`).waitFor();
}

const line = ({ page }: Visit): Promise<string> => page.getByTestId("teach-line").innerText();

it("is not there without an encoder", async () => {
  const visit = await all.open("");
  await visit.phase("waiting");
  expect(await visit.page.getByTestId("teach").isVisible()).toBe(false);
  await visit.close();
});

it("teaches classes by drawing, with names from the keyboard, and answers", async () => {
  const visit = await all.open("case=teach&speed=40");
  const { page } = visit;
  await visit.phase("waiting");
  expect(await line(visit)).toBe("Begin with the names of two classes.");
  expect(await page.getByTestId("teach-ask").getAttribute("aria-disabled")).toBe("true");
  await addClass(visit, "up");
  await addClass(visit, "across");
  await page.getByTestId("teach-field").fill("up");
  await page.getByTestId("teach-add").click();
  expect(await line(visit)).toBe("There is a class up already.");
  await page.getByTestId("teach-this-up").click();
  expect(await line(visit)).toBe("Draw something first, or add pictures.");

  for (const [name, x, y] of [
    ["up", 0.5, 0.1],
    ["across", 0.1, 0.5],
  ] as const) {
    await draw(visit, x, y);
    await page.getByTestId(`teach-this-${name}`).click();
    await page.locator(`[data-testid="teach-class-${name}"][data-count="1"]`).waitFor();
    await page.locator('[data-testid="teach"][data-at="idle"]').waitFor();
  }
  await draw(visit, 0.52, 0.12);
  await page.getByTestId("teach-ask").click();
  await page.locator('[data-testid="teach-label"]').waitFor();
  expect(await line(visit)).toBe("It looks like up.");

  await page.reload();
  await visit.phase("waiting");
  await page.locator('[data-testid="teach-class-up"][data-count="1"]').waitFor();
  await page.getByTestId("teach-forget").click();
  expect(await page.getByTestId("teach-class-up").count()).toBe(0);
  expect(visit.complaints).toEqual([]);
  await visit.close();
});

it("takes several pictures of a class at once, and says which cannot be read", async () => {
  const visit = await all.open("case=teach&speed=40");
  const { page } = visit;
  await visit.phase("waiting");
  await addClass(visit, "cat");
  const choosing = page.waitForEvent("filechooser");
  await page.getByTestId("teach-pictures-cat").click();
  const name = "../samples/03-cat-0.png";
  await (await choosing).setFiles([name, name]);
  await page.locator('[data-testid="teach-class-cat"][data-count="2"]').waitFor();
  const again = page.waitForEvent("filechooser");
  await page.getByTestId("teach-pictures-cat").click();
  const buffer = Buffer.from("no picture");
  await (await again).setFiles([{ name: "x.png", mimeType: "image/png", buffer }]);
  await page.locator('[data-testid="teach"][data-at="failed"]').waitFor();
  expect(await page.getByTestId("teach-class-cat").getAttribute("data-count")).toBe("2");
  expect(visit.complaints).toEqual([]);
  await visit.close();
});

it("lets people choose what they show, where there is more than one encoder", async () => {
  const visit = await all.open("case=encoders&speed=40");
  const { page } = visit;
  await visit.phase("waiting");
  expect(await page.getByTestId("encoder-encoder").isChecked()).toBe(true);
  expect(await page.getByTestId("teach-pad").isVisible()).toBe(true);
  await addClass(visit, "up");
  await page.getByTestId("encoder-photos").check();
  // Nothing is drawn of photos, and what was taught of drawings is none of theirs.
  expect(await page.getByTestId("teach-pad").isVisible()).toBe(false);
  expect(await page.getByTestId("teach-clear").isVisible()).toBe(false);
  expect(await page.getByTestId("teach-class-up").count()).toBe(0);
  await addClass(visit, "sky");
  await page.reload();
  await visit.phase("waiting");
  await page.getByTestId("teach-class-up").waitFor();
  await page.getByTestId("encoder-photos").check();
  await page.getByTestId("teach-class-sky").waitFor();
  expect(visit.complaints).toEqual([]);
  await visit.close();
});
