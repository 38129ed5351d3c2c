// Digits drawn on the page.

/** Lines as people draw them, as parts of the pad. */
export const SEVEN = [
  [0.28, 0.2],
  [0.72, 0.22],
  [0.6, 0.5],
  [0.44, 0.85],
];
export const ONE = [
  [0.55, 0.15],
  [0.5, 0.5],
  [0.46, 0.85],
];

/** Draws a line on the pad with the mouse. */
export async function draw(page, places) {
  await page.byId("pad").scrollIntoViewIfNeeded();
  const box = await page.byId("pad").boundingBox();
  const [first, ...rest] = places.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
  const { mouse } = page.tab;
  await mouse.move(...first);
  await mouse.down();
  for (const place of rest) await mouse.move(...place, { steps: 12 });
  await mouse.up();
}
