import { expect, it } from "vitest";
import type { Control, Encoder, Sdk } from "../sdk/port.ts";
import { Teacher } from "./teacher.ts";

const encoder = {
  id: "grey",
  contract: "one",
  features: 2,
  input: { kind: "grey" },
} as unknown as Encoder;
const photos = { ...encoder, id: "photos", contract: "two" };
const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A teacher whose encoder takes texts for numbers, and a browser that stores one thing. */
function scene(stored: unknown = null) {
  const all = {
    sent: [] as unknown[],
    stored,
    encoders: [encoder, photos],
    embed: (source: unknown, _control: Control) =>
      Promise.resolve(Float32Array.from(String(source).split(" "), Number)),
  };
  const sdk = {
    get encoders() {
      return all.encoders;
    },
    embed(_encoder: Encoder, source: unknown, control: Control) {
      all.sent.push(source);
      return all.embed(source, control);
    },
  } as unknown as Sdk;
  const kept = {
    load: () => all.stored,
    save: (value: object) => (all.stored = structuredClone(value)),
    remove: () => (all.stored = null),
  };
  const teacher = new Teacher({
    sdk: () => sdk,
    online: () => true,
    kept,
    onState: () => undefined,
  });
  teacher.meet();
  return { all, teacher };
}

async function taught() {
  const { all, teacher } = scene();
  teacher.addClass("low");
  teacher.addClass("high");
  await teacher.teach("low", ["0 1", "1 0", "0 0"]);
  await teacher.teach("high", ["9 8", "8 9"]);
  return { all, teacher };
}

it("learns classes from a few examples and tells new ones apart", async () => {
  const { all, teacher } = await taught();
  await teacher.ask("1 1");
  expect(teacher.state.verdict?.label).toBe("low");
  await teacher.ask("9 9");
  expect(teacher.state.verdict?.label).toBe("high");
  expect(teacher.state.work).toEqual({ at: "idle", line: "It looks like high." });
  expect(all.sent).toHaveLength(7);
});

it("keeps what it was taught, with this encoder alone, until it is forgotten", async () => {
  const { all } = await taught();
  const again = scene(all.stored);
  expect(again.teacher.state.taught.lessons).toHaveLength(5);
  await again.teacher.ask("8 8");
  expect(again.teacher.state.verdict?.label).toBe("high");
  again.all.encoders = [{ ...encoder, contract: "another" }];
  again.teacher.meet();
  expect(again.teacher.state.taught.classes).toEqual([]);
  const third = scene(all.stored);
  third.teacher.forget();
  expect([third.all.stored, third.teacher.state.taught.classes]).toEqual([null, []]);
});

it("has lessons of its own for each encoder, and stays with the chosen one", async () => {
  const { all, teacher } = await taught();
  expect(teacher.state.encoder?.id).toBe("grey");
  teacher.choose("photos");
  expect([teacher.state.encoder?.id, teacher.state.taught.classes]).toEqual(["photos", []]);
  teacher.addClass("sky");
  await teacher.teach("sky", ["5 5"]);
  all.encoders = [...all.encoders];
  teacher.meet();
  expect(teacher.state.encoder?.id).toBe("photos");
  teacher.choose("grey");
  expect(teacher.state.taught.classes).toEqual(["low", "high"]);
  const later = scene(all.stored).teacher;
  expect(later.state.taught.classes).toEqual(["low", "high"]);
  later.choose("nothing");
  later.choose("photos");
  expect(later.state.taught.classes).toEqual(["sky"]);
  // Forgetting is of one encoder's lessons.
  teacher.forget();
  expect(Object.keys(all.stored as object)).toEqual(["two"]);
  teacher.choose("photos");
  teacher.forget();
  expect(all.stored).toBeNull();
});

it("asks nothing before there are examples of two classes", async () => {
  const { all, teacher } = scene();
  await teacher.ask("1 1");
  teacher.addClass("low");
  await teacher.teach("low", ["1 1"]);
  await teacher.ask("1 1");
  expect(all.sent).toHaveLength(1);
  expect(teacher.state.work).toEqual({ at: "idle", line: "First show some of two classes." });
  expect(teacher.addClass(" low ")).toBe(false);
});

it("keeps what came before a failure, and says what happened", async () => {
  const { all, teacher } = scene();
  teacher.addClass("low");
  all.embed = (source) =>
    source === "bad"
      ? Promise.reject(failure("unsupported_picture"))
      : Promise.resolve(Float32Array.from([1, 1]));
  await teacher.teach("low", ["good", "bad", "good"]);
  expect(teacher.state.taught.lessons).toHaveLength(1);
  expect(teacher.state.work.at).toBe("failed");
  await teacher.teach("low", ["good"]);
  expect(teacher.state.taught.lessons).toHaveLength(2);
});

it("makes new keys once, where the server lost them", async () => {
  const { all, teacher } = scene();
  teacher.addClass("low");
  let lost = true;
  all.embed = () => {
    if (!lost) return Promise.resolve(Float32Array.from([1, 1]));
    lost = false;
    return Promise.reject(failure("keys_lost"));
  };
  await teacher.teach("low", ["x"]);
  expect(teacher.state.taught.lessons).toHaveLength(1);
});

it("does one thing at a time, and stops when told", async () => {
  const { all, teacher } = scene();
  teacher.addClass("low");
  all.embed = (_source, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(failure("aborted")));
    });
  const first = teacher.teach("low", ["x"]);
  await teacher.teach("low", ["y"]);
  teacher.choose("photos");
  expect(teacher.state.encoder?.id).toBe("grey");
  teacher.forget();
  teacher.removeClass("low");
  expect(all.sent).toEqual(["x"]);
  teacher.cancel();
  await first;
  expect(teacher.state.work).toEqual({ at: "idle", line: "Cancelled." });
  expect(teacher.state.taught.classes).toEqual(["low"]);
});
