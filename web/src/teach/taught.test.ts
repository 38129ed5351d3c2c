import { describe, expect, it } from "vitest";
import {
  canAsk,
  countOf,
  MOST_CLASSES,
  MOST_EACH,
  named,
  NOTHING,
  readTaught,
  type Taught,
  withClass,
  withLesson,
  withoutClass,
} from "./taught.ts";

const two = withClass(withClass(NOTHING, "cup"), "spoon");
const lesson = (label: string, ...features: number[]) => ({ label, features });
const shown = withLesson(withLesson(two, lesson("cup", 1, 2)), lesson("spoon", 3, 4));

describe("what was taught", () => {
  it("has classes with names of their own", () => {
    expect(named(two, "  tea   pot ")).toEqual({ name: "tea pot" });
    for (const wrong of ["", "   ", "cup", " cup", "x".repeat(41)]) {
      expect(named(two, wrong)).toHaveProperty("wrong");
    }
    let full = NOTHING;
    for (let i = 0; i < MOST_CLASSES; i++) full = withClass(full, String(i));
    expect(named(full, "another")).toHaveProperty("wrong");
  });

  it("can be asked about once two classes have an example", () => {
    expect(canAsk(two)).toBe(false);
    expect(canAsk(withLesson(two, lesson("cup", 1)))).toBe(false);
    expect(canAsk(shown)).toBe(true);
    expect(canAsk(withoutClass(shown, "cup"))).toBe(false);
  });

  it("grows by lessons of its classes, up to a limit", () => {
    expect(withLesson(two, lesson("fork", 1))).toBe(two);
    let full: Taught = two;
    for (let i = 0; i < MOST_EACH + 3; i++) full = withLesson(full, lesson("cup", i));
    expect(countOf(full, "cup")).toBe(MOST_EACH);
    expect(withoutClass(full, "cup")).toEqual(withClass(NOTHING, "spoon"));
  });

  it("is read back as it was, and as far as it makes sense", () => {
    expect(readTaught(JSON.parse(JSON.stringify(shown)), 2)).toEqual(shown);
    for (const nonsense of [null, 3, "x", [], { classes: 1, lessons: [] }, { classes: [] }]) {
      expect(readTaught(nonsense, 2)).toEqual(NOTHING);
    }
    const damaged = {
      classes: ["cup", "cup", 7, "spoon"],
      lessons: [
        lesson("cup", 1, 2),
        lesson("cup", 1),
        lesson("fork", 1, 2),
        { label: "cup", features: [1, null] },
        { label: "cup", features: "12" },
        null,
        lesson("spoon", 3, 4),
      ],
    };
    expect(readTaught(damaged, 2)).toEqual(shown);
  });
});
