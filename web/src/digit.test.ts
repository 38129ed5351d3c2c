import { describe, expect, it } from "vitest";
import { DIGIT_SIDE, digitOf, type Stroke } from "./digit.ts";

const line = (...places: readonly (readonly [number, number])[]): Stroke =>
  places.map(([x, y]) => ({ x, y }));

const ONE = [line([0.5, 0.2], [0.5, 0.8])];
const SEVEN = [line([0.3, 0.2], [0.7, 0.2], [0.45, 0.85])];
/** Heavy at the top, so that the middle of its box is not its centre of mass. */
const NINE = [line([0.6, 0.3], [0.4, 0.3], [0.4, 0.45], [0.6, 0.45], [0.6, 0.3], [0.6, 0.85])];

function drawn(strokes: readonly Stroke[]): Uint8Array {
  const digit = digitOf(strokes);
  if (digit === null) throw new Error("nothing was drawn");
  return digit;
}

/** Rows, columns and centre of mass of what is brighter than nothing. */
function measure(digit: Uint8Array) {
  const found = { left: DIGIT_SIDE, right: 0, top: DIGIT_SIDE, bottom: 0, x: 0, y: 0, mass: 0 };
  digit.forEach((value, i) => {
    if (value === 0) return;
    const [x, y] = [i % DIGIT_SIDE, Math.floor(i / DIGIT_SIDE)];
    found.left = Math.min(found.left, x);
    found.right = Math.max(found.right, x + 1);
    found.top = Math.min(found.top, y);
    found.bottom = Math.max(found.bottom, y + 1);
    found.mass += value;
    found.x += value * (x + 0.5);
    found.y += value * (y + 0.5);
  });
  return { ...found, x: found.x / found.mass, y: found.y / found.mass };
}

const moved = (strokes: readonly Stroke[], scale: number, dx: number, dy: number): Stroke[] =>
  strokes.map((stroke) => stroke.map(({ x, y }) => ({ x: x * scale + dx, y: y * scale + dy })));

describe("a drawn digit", () => {
  it("is nothing where nothing was drawn", () => {
    expect(digitOf([])).toBeNull();
    expect(digitOf([[]])).toBeNull();
  });

  it.each([
    ["a line", ONE],
    ["an angle", SEVEN],
    ["a loop", NINE],
  ])("%s: its longer side has 20 pixels, its centre of mass is in the middle", (_, strokes) => {
    const { left, right, top, bottom, x, y } = measure(drawn(strokes));
    expect(Math.max(right - left, bottom - top)).toBe(20);
    // Half a pixel: it is moved by whole ones.
    expect(Math.abs(x - 14)).toBeLessThanOrEqual(0.5);
    expect(Math.abs(y - 14)).toBeLessThanOrEqual(0.5);
  });

  it("is centred by its mass and not by its box", () => {
    const { top, bottom } = measure(drawn(NINE));
    expect((top + bottom) / 2).toBeGreaterThan(14.9);
  });

  it("is white on black, with a line as wide as the pen", () => {
    const digit = drawn(ONE);
    const row = digit.subarray(14 * DIGIT_SIDE, 15 * DIGIT_SIDE);
    expect(Math.max(...digit)).toBe(255);
    expect(digit[0]).toBe(0);
    const width = row.reduce((sum, value) => sum + value / 255, 0);
    expect(width).toBeGreaterThan(2.3);
    expect(width).toBeLessThan(2.9);
  });

  it.each([0.4, 1, 1.2])("is the same wherever it is drawn, %f times as large", (scale) => {
    const [a, b] = [drawn(NINE), drawn(moved(NINE, scale, 0.07, -0.11))];
    const off = a.map((value, i) => Math.abs(value - (b[i] ?? 0)));
    expect(Math.max(...off)).toBeLessThanOrEqual(2);
  });

  it("keeps its proportions: a lying line stays flat", () => {
    const { left, right, top, bottom } = measure(drawn([line([0.1, 0.5], [0.9, 0.5])]));
    expect(right - left).toBe(20);
    expect(bottom - top).toBeLessThanOrEqual(4);
  });

  it("of a tap is a dot in the middle", () => {
    const { left, right, top, bottom } = measure(drawn([line([0.9, 0.1])]));
    for (const side of [right - left, bottom - top]) expect(side).toBeLessThanOrEqual(4);
    expect(Math.abs((left + right) / 2 - 14)).toBeLessThanOrEqual(0.5);
  });

  it("stays in the picture, however lopsided", () => {
    const blot = Array.from({ length: 30 }, (_, i) => [(i % 2) * 0.3, i / 100] as const);
    const { left, right, top, bottom, x } = measure(drawn([line(...blot, [0, 0], [1, 1])]));
    expect([right - left, bottom - top]).toEqual([20, 20]);
    expect((left + right) / 2 - x).toBeGreaterThan(1.5);
  });

  it("takes strokes of very many points", () => {
    const long = Array.from({ length: 200_000 }, (_, i) => ({ x: i / 200_000, y: 0.5 }));
    const { left, right } = measure(drawn([long]));
    expect(right - left).toBe(20);
  });
});
