import { describe, expect, it } from "vitest";
import { bytes, duration, hex, left, Pace, percent, shares, withArticle } from "./format.ts";

describe("numbers", () => {
  it("writes bytes", () => {
    const written = [0, 999, 1000, 90_212, 385_122, 999_600, 74_400_000, 2e9].map(bytes);
    expect(written).toEqual([
      "0 B",
      "999 B",
      "1 kB",
      "90.2 kB",
      "385 kB",
      "1 MB",
      "74.4 MB",
      "2 GB",
    ]);
  });

  it("writes durations", () => {
    expect([0, 0.043, 0.21, 9.2, 12.4, 150].map(duration)).toEqual([
      "1 ms",
      "43 ms",
      "0.2 s",
      "9.2 s",
      "12 s",
      "3 min",
    ]);
    expect([0.4, 6.2, 120].map(left)).toEqual([
      "about a second left",
      "about 6 s left",
      "about 2 min left",
    ]);
  });

  it("writes bytes as pairs", () => {
    expect(hex(Uint8Array.of(0, 15, 255), 2)).toBe("00 0f\nff");
  });

  it("never calls a share certain or impossible", () => {
    expect([0, 0.00001, 0.5, 0.99999, 1].map(percent)).toEqual([
      "< 0.1 %",
      "< 0.1 %",
      "50.0 %",
      "> 99.9 %",
      "> 99.9 %",
    ]);
  });

  it("makes shares of scores, large ones too", () => {
    const parts = shares([1000, 1000, -1000]);
    expect(parts[0]).toBeCloseTo(0.5);
    expect(parts.reduce((a, b) => a + b)).toBeCloseTo(1);
  });

  it("knows its articles", () => {
    const nouns = ["cat", "airplane", "7", "8"].map(withArticle);
    expect(nouns).toEqual(["a cat", "an airplane", "a 7", "an 8"]);
  });

  it("tells what is left once the pace is clear", () => {
    const pace = new Pace();
    expect(pace.left(0.5, 0)).toBeNull();
    expect(pace.left(0.51, 500)).toBeNull();
    expect(pace.left(0.75, 5000)).toBeCloseTo(5);
    // Starting anew gives a fresh reading.
    expect(pace.left(0.1, 6000)).toBeNull();
  });
});
