// Takes docs/page.png from a real run against a real evaluator:
//   npm run portrait -- http://127.0.0.1:8080/ [sample]
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { FLAGS, chromiumPath } from "../../../tests/chromium/chromium.mjs";

const [url, sample = "cat"] = process.argv.slice(2);
if (url === undefined) throw new Error("the address of an evaluator that serves the page?");
// Wide enough for the roomy layout.
const WIDTH = 1280;
const path = fileURLToPath(new URL("../../../docs/page.png", import.meta.url));

const browser = await chromium.launch({
  executablePath: chromiumPath(chromium.executablePath()),
  args: FLAGS,
});
const page = await browser.newPage({
  // All of it at once: nothing has to be scrolled to.
  viewport: { width: WIDTH, height: 2400 },
  colorScheme: "light",
  reducedMotion: "reduce",
});
await page.goto(url);
await page.getByTestId(`sample-${sample}`).click();
await page.locator('main[data-phase="ready"]').waitFor();
await page.getByTestId("classify").click();
await page.locator('main[data-phase="done"]').waitFor({ timeout: 300_000 });
await page.mouse.move(0, 0);
await page.evaluate(() => scrollTo(0, 0));
await page.waitForTimeout(500);
const result = await page.getByTestId("result").boundingBox();
if (result === null) throw new Error("no result to be seen");
const height = Math.round(result.y + result.height + 24);
await page.screenshot({ path, clip: { x: 0, y: 0, width: WIDTH, height } });
await browser.close();
