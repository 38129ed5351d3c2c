import { describe, expect, it } from "vitest";
import type { Problem } from "./problems.ts";
import type { Answer, Facts, Preview } from "./sdk/port.ts";
import {
  canClassify,
  canForget,
  canReveal,
  type Event,
  INITIAL,
  next,
  phase,
  type State,
} from "./state.ts";

const facts: Facts = {
  origin: "https://host",
  id: "resnet20",
  model: "ResNet20",
  answer: "scores",
  classes: ["cat", "dog"],
  input: { kind: "photo", channels: 3, rows: 32, columns: 32, largest: 64 },
  seconds: 9,
  keyBytes: 74_000_000,
  requestBytes: 385_000,
  responseBytes: 90_000,
};
const preview = { kind: "picture", side: 32, rgb: new Uint8Array(3072) } as Preview;
const answer: Answer = {
  label: "cat",
  class: 0,
  scores: [2, 1],
  seconds: { encrypt: 0.2, evaluate: 9, decrypt: 0.1, total: 10 },
};
const trouble: Problem = {
  code: "network",
  title: "Down",
  sentence: "It is down.",
  remedy: "retry",
};

function after(...events: Event[]): State {
  return events.reduce(next, INITIAL);
}

const connected: Event = { on: "connected", facts, offers: [], keys: { at: "none" } };
const picture: Event[] = [
  { on: "picture-chosen", ticket: 1, drawn: false },
  { on: "picture-read", ticket: 1, name: "cat.png", preview },
];
const started: Event = { on: "started", ticket: 2, goal: "label" };
const evaluating: Event = {
  on: "stepped",
  ticket: 2,
  step: { at: "evaluating", step: 3, steps: 21, secondsLeft: 8 },
};

it("stays with the question for a token, whatever was under way", () => {
  const state = after(connected, ...picture, started, { on: "locked", refused: false });
  expect(phase(state)).toBe("locked");
  expect(state.run).toEqual({ at: "idle", note: null });
  expect(canClassify(state)).toBe(false);
  expect(canForget({ ...state, keys: { at: "unfinished", since: new Date(0) } })).toBe(false);
});

describe("the state machine", () => {
  it("goes from nothing to an answer", () => {
    const phases: string[] = [];
    let state = INITIAL;
    const events: Event[] = [
      connected,
      ...picture,
      started,
      {
        on: "stepped",
        ticket: 2,
        step: { at: "keys", made: 1, count: 31, sent: 0, total: 74, resumed: false },
      },
      { on: "keys-ready", ticket: 2, persisted: true },
      { on: "stepped", ticket: 2, step: { at: "encrypting" } },
      evaluating,
      { on: "stepped", ticket: 2, step: { at: "decrypting" } },
      { on: "answered", ticket: 2, answer },
    ];
    for (const event of events) {
      state = next(state, event);
      phases.push(phase(state));
    }
    expect(phases).toEqual(
      "waiting waiting ready checking keys keys encrypting evaluating decrypting done".split(" "),
    );
    expect(state.keys).toEqual({ at: "kept", since: null, persisted: true });
  });

  it("starts nothing without a server, without a picture, or twice", () => {
    expect(after(...picture, started).run.at).toBe("idle");
    expect(after(connected, started).run.at).toBe("idle");
    const running = after(connected, ...picture, started, evaluating);
    expect(next(running, { ...started, ticket: 3 })).toBe(running);
    expect(canClassify(running)).toBe(false);
  });

  it("makes keys without a picture", () => {
    const state = after(
      connected,
      { on: "started", ticket: 2, goal: "keys" },
      { on: "keys-ready", ticket: 2, persisted: true },
    );
    expect(state.run).toEqual({ at: "idle", note: "keys-ready" });
  });

  it("ignores what an abandoned action still says", () => {
    const idle = after(connected, ...picture, started, {
      on: "cancelled",
      ticket: 2,
      keys: { at: "none" },
    });
    expect(next(idle, evaluating)).toBe(idle);
    expect(next(idle, { on: "answered", ticket: 2, answer })).toBe(idle);
    const again = next(idle, { ...started, ticket: 3 });
    expect(next(again, { on: "failed", ticket: 2, problem: trouble, keys: { at: "none" } })).toBe(
      again,
    );
    expect(next(again, { on: "picture-read", ticket: 1, name: "late", preview })).toBe(again);
  });

  it("cancels at every step, and not what does not run", () => {
    const idle = after(connected, ...picture);
    expect(next(idle, { on: "cancel" })).toBe(idle);
    const cancelling = next(next(idle, started), { on: "cancel" });
    expect(phase(cancelling)).toBe("cancelling");
    const over = next(cancelling, {
      on: "cancelled",
      ticket: 2,
      keys: { at: "unfinished", since: new Date(0) },
    });
    expect(over.run).toEqual({ at: "idle", note: "cancelled" });
    expect(canClassify(over)).toBe(true);
    expect(canForget(over)).toBe(true);
  });

  it("keeps picture and keys when something fails", () => {
    const state = after(connected, ...picture, started, evaluating, {
      on: "failed",
      ticket: 2,
      problem: trouble,
      keys: { at: "kept", since: null, persisted: true },
    });
    expect(phase(state)).toBe("failed");
    expect(state.picture.at).toBe("ready");
    expect(canClassify(state)).toBe(true);
  });

  it("drops an old answer when another picture comes", () => {
    const done = after(connected, ...picture, started, { on: "answered", ticket: 2, answer });
    const state = next(done, { on: "picture-chosen", ticket: 4, drawn: false });
    expect(state.run).toEqual({ at: "idle", note: null });
    expect(canClassify(state)).toBe(false);
  });

  it("takes no picture during a run", () => {
    const running = after(connected, ...picture, started);
    expect(next(running, { on: "picture-chosen", ticket: 9, drawn: false })).toBe(running);
  });

  it("shows a pause until the next step", () => {
    const paused = after(connected, ...picture, started, {
      on: "paused",
      ticket: 2,
      pause: { reason: "network", retryInSeconds: 4 },
    });
    expect(paused.run).toMatchObject({ pause: { retryInSeconds: 4 } });
    expect(next(paused, evaluating).run).toMatchObject({ pause: null });
  });

  it("renews keys that the server lost, within the same run", () => {
    const state = after(
      {
        on: "connected",
        facts,
        offers: [],
        keys: { at: "kept", since: new Date(0), persisted: true },
      },
      ...picture,
      started,
      { on: "keys-lost", ticket: 2 },
    );
    expect(state.run).toMatchObject({ renewing: true, goal: "label" });
    expect(next(state, { on: "keys-ready", ticket: 2, persisted: true }).keys).toEqual({
      at: "kept",
      since: null,
      persisted: true,
    });
  });

  it("notices that kept keys are sent again", () => {
    const state = after(
      {
        on: "connected",
        facts,
        offers: [],
        keys: { at: "kept", since: new Date(0), persisted: true },
      },
      ...picture,
      started,
      {
        on: "stepped",
        ticket: 2,
        step: { at: "keys", made: 1, count: 31, sent: 0, total: 74, resumed: false },
      },
    );
    expect(state).toMatchObject({ keys: { at: "none" }, run: { renewing: true } });
  });

  it("forgets", () => {
    const kept = after({
      on: "connected",
      facts,
      offers: [],
      keys: { at: "kept", since: new Date(0), persisted: true },
    });
    expect(canForget(kept)).toBe(true);
    const running = next(kept, { on: "started", ticket: 5, goal: "forget" });
    expect(phase(running)).toBe("forgetting");
    const state = next(running, { on: "forgotten", ticket: 5 });
    expect(state).toMatchObject({ keys: { at: "none" }, run: { note: "forgotten" } });
    expect(canForget(state)).toBe(false);
  });

  it("never changes a state in place", () => {
    const frozen = Object.freeze({
      ...after(connected, ...picture),
      run: Object.freeze({ at: "idle", note: null }),
    } as const);
    expect(() => next(frozen, started)).not.toThrow();
  });

  it("survives any order of events", () => {
    const events: Event[] = [
      connected,
      ...picture,
      started,
      evaluating,
      { on: "cancel" },
      { on: "cancelled", ticket: 2, keys: { at: "none" } },
      { on: "failed", ticket: 2, problem: trouble, keys: { at: "none" } },
      { on: "answered", ticket: 2, answer },
      { on: "unreachable", problem: trouble },
      { on: "connect" },
      { on: "forgotten", ticket: 2 },
    ];
    let seed = 1;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647);
    let state = INITIAL;
    for (let i = 0; i < 5000; i++) {
      const event = events[random() % events.length];
      if (event === undefined) continue;
      const before = state;
      state = next(state, event);
      // A run starts only by "started", and no answer appears without a run.
      if (before.run.at !== "running" && state.run.at === "running")
        expect(event.on).toBe("started");
      if (state.run.at === "done" && before.run.at !== "done")
        expect(before.run.at).toBe("running");
      if (state.run.at === "running") expect(before.service.at).not.toBe("connecting");
    }
  });

  it("changes the model between runs, not within one", () => {
    const other: Facts = { ...facts, id: "resnet56" };
    const chosen: Event = { on: "model-chosen", facts: other };
    const done = after(connected, { on: "started", ticket: 1, goal: "keys" }, chosen);
    expect(done.service).toMatchObject({ facts: { id: "resnet20" } });
    const state = after(connected, chosen);
    expect(state).toMatchObject({
      service: { facts: { id: "resnet56" } },
      keys: { at: "unknown" },
    });
    expect(canForget(state)).toBe(false);
    const keys = { at: "partial", since: new Date(0) } as const;
    // What is known of a model that is no longer the chosen one says nothing.
    expect(next(state, { on: "keys-known", facts, keys }).keys.at).toBe("unknown");
    const known = next(state, { on: "keys-known", facts: other, keys });
    expect([known.keys.at, canForget(known)]).toEqual(["partial", true]);
    const offers = [{ ...facts, missingKeyBytes: 1, label: null }];
    expect(next(known, { on: "priced", offers }).service).toMatchObject({ offers });
  });

  it("has a choice of answers where the chosen model has both, and nothing runs", () => {
    const offer = { ...facts, missingKeyBytes: 1 };
    const both = { only: false, furtherKeyBytes: 1, furtherSeconds: 1 };
    const other = { ...offer, id: "resnet56", label: both };
    const offering = (label: typeof both | null): Event => {
      return { on: "priced", offers: [other, { ...offer, label }] };
    };
    expect(canReveal(INITIAL)).toBe(false);
    expect(canReveal(after(connected, offering(null)))).toBe(false);
    expect(canReveal(after(connected, offering({ ...both, only: true })))).toBe(false);
    expect(canReveal(after(connected, offering(both)))).toBe(true);
    expect(canReveal(after(connected, offering(both), ...picture, started))).toBe(false);
  });

  it("takes the answer away when another kind is chosen, and keeps the picture", () => {
    const label: Facts = { ...facts, answer: "label" };
    const done = after(connected, ...picture, started, { on: "answered", ticket: 2, answer });
    const state = next(done, { on: "model-chosen", facts: label });
    expect(phase(state)).toBe("ready");
    expect(state).toMatchObject({ keys: { at: "unknown" }, run: { at: "idle" } });
    // What was asked about the keys for scores comes too late.
    const keys = { at: "kept", since: null, persisted: true } as const;
    expect(next(state, { on: "keys-known", facts, keys }).keys.at).toBe("unknown");
    expect(next(state, { on: "keys-known", facts: label, keys }).keys.at).toBe("kept");
  });
});
