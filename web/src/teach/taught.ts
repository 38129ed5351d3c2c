/** What was taught: classes, and the features of what was shown of each. Pure. */
import type { Example } from "blindsight";

/** More than anybody draws, and far less than a browser stores. */
export const MOST_CLASSES = 10;
export const MOST_EACH = 50;
const MOST_NAME = 40;

/** Features of something, with the class that the person gave it. */
export interface Lesson extends Example {
  readonly features: readonly number[];
  readonly label: string;
}

/** Classes in the order of their making, and everything that was shown. */
export interface Taught {
  readonly classes: readonly string[];
  readonly lessons: readonly Lesson[];
}

export const NOTHING: Taught = { classes: [], lessons: [] };

/** The name as it is kept, or why it is none. */
export function named(taught: Taught, text: string): { name: string } | { wrong: string } {
  const name = text.trim().replace(/\s+/g, " ");
  if (name === "") return { wrong: "A class needs a name." };
  if (name.length > MOST_NAME) return { wrong: `A name has at most ${MOST_NAME} letters.` };
  if (taught.classes.includes(name)) return { wrong: `There is a class ${name} already.` };
  if (taught.classes.length >= MOST_CLASSES) {
    return { wrong: `There are at most ${MOST_CLASSES} classes.` };
  }
  return { name };
}

/** How many were shown of a class. */
export function countOf({ lessons }: Taught, name: string): number {
  return lessons.filter(({ label }) => label === name).length;
}

/** Whether there is enough to tell classes apart. */
export function canAsk(taught: Taught): boolean {
  return taught.classes.filter((name) => countOf(taught, name) > 0).length >= 2;
}

export function withClass(taught: Taught, name: string): Taught {
  return { ...taught, classes: [...taught.classes, name] };
}

export function withoutClass({ classes, lessons }: Taught, name: string): Taught {
  return {
    classes: classes.filter((each) => each !== name),
    lessons: lessons.filter(({ label }) => label !== name),
  };
}

/** With one more lesson, unless its class is gone or full. */
export function withLesson(taught: Taught, lesson: Lesson): Taught {
  const { label } = lesson;
  if (!taught.classes.includes(label) || countOf(taught, label) >= MOST_EACH) return taught;
  return { ...taught, lessons: [...taught.lessons, lesson] };
}

/** What a browser had stored, believed only as far as it makes sense. */
export function readTaught(json: unknown, features: number): Taught {
  const { classes, lessons } = (json ?? {}) as Partial<Record<keyof Taught, unknown>>;
  if (!Array.isArray(classes) || !Array.isArray(lessons)) return NOTHING;
  let taught = NOTHING;
  for (const text of classes as unknown[]) {
    const checked = named(taught, typeof text === "string" ? text : "");
    if ("name" in checked) taught = withClass(taught, checked.name);
  }
  for (const each of lessons as unknown[]) {
    const lesson = each as Partial<Lesson> | null;
    const numbers: unknown = lesson?.features;
    const isGood =
      Array.isArray(numbers) && numbers.length === features && numbers.every(Number.isFinite);
    if (isGood && typeof lesson?.label === "string") {
      taught = withLesson(taught, { features: numbers as number[], label: lesson.label });
    }
  }
  return taught;
}
