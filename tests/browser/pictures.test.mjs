// Pictures of all kinds, as far as the 32 x 32 pixels that the network would see.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { api } from "./lib/tap.mjs";
import { eventually, settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

const CAT = fileURLToPath(new URL("../../samples/03-cat-0.png", import.meta.url));
const KINDS = ["quarters.avif", "quarters.bmp", "quarters.webp", "moving.gif", "sixteen-bits.png"];

let page;
const here = world({
  async ready() {
    page = await here.visitor.open(here.evaluator.url);
    await page.phase("waiting");
    here.tap.clear();
  },
});

for (const name of KINDS) {
  test(`${name} is read, with its colours`, settings, async () => {
    await page.choose(fileURLToPath(new URL(`pictures/${name}`, import.meta.url)));
    await shown(name);
    assert.equal(await page.byId("problem").isVisible(), false);
    // In the middle of each quarter.
    const found = await page.byId("pixels").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, 32, 32);
      const at = (x, y) => [...data.slice(4 * (32 * y + x), 4 * (32 * y + x) + 3)];
      return [at(8, 8), at(24, 8), at(8, 24), at(24, 24)];
    });
    const colours = [
      [200, 30, 30],
      [30, 160, 40],
      [30, 40, 200],
      [230, 230, 230],
    ];
    for (const [quarter, colour] of colours.entries()) {
      const off = colour.map((value, i) => Math.abs(value - found[quarter][i]));
      assert.ok(Math.max(...off) <= 12, `quarter ${quarter}: ${found[quarter]}, not ${colour}`);
    }
  });
}

test("what is no picture here is refused in words, and a good one works", settings, async () => {
  const cat = await readFile(CAT);
  const broken = [
    ["broken.png", cat.subarray(0, cat.length / 2)],
    ["empty.png", Buffer.alloc(0)],
    ["words.jpg", Buffer.from("no picture at all")],
    ["photo.heic", heic()],
  ];
  for (const [name, buffer] of broken) {
    await page.choose({ name, mimeType: "image/png", buffer });
    await page.tab.locator('[data-testid="problem"][data-code="unsupported_picture"]').waitFor();
    assert.match(await page.byId("problem").innerText(), /HEIC photo must be saved as/);
    assert.equal(await page.byId("classify").getAttribute("aria-disabled"), "true");
    // The next refusal shall not be taken for this one.
    await page.choose(CAT);
    await shown("03-cat-0.png");
    assert.equal(await page.byId("problem").isVisible(), false);
  }
  await page.phase("ready");
});

test("nothing was sent for any of them", () => {
  assert.deepEqual(here.tap.requests.filter(api), []);
  assert.deepEqual(here.visitor.complaints, []);
});

/** Waits until the page has read this picture. */
function shown(name) {
  return eventually(`${name} is not read`, async () => {
    return (await page.byId("status").innerText()) === `Picture ready: ${name}.`;
  });
}

/** A file that begins as a phone's photo does, in a format that Chromium cannot decode. */
function heic() {
  const type = Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1");
  const rest = Buffer.from("\0\0\0\x20meta\0\0\0\0\0\0\0\x14hdlr\0\0\0\0pict", "latin1");
  return Buffer.concat([type, rest]);
}
