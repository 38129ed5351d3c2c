import { describe, expect, it } from "vitest";
import type { Step } from "../sdk/port.ts";
import { INITIAL, type State } from "../state.ts";
import { stations } from "./rail.ts";

function running(step: Step): State {
  const run = { at: "running", ticket: 1, goal: "label", step, pause: null } as const;
  return { ...INITIAL, run: { ...run, cancelling: false, renewing: false } };
}

const shape = (state: State): string =>
  stations(state, null)
    .map(({ at }) => at)
    .join(" ");

describe("the stations", () => {
  it("wait at first", () => {
    expect(shape(INITIAL)).toBe("waiting waiting waiting waiting waiting");
  });

  it("make and send keys at the same time", () => {
    const keys = { at: "keys", count: 31, total: 100, resumed: false } as const;
    expect(shape(running({ ...keys, made: 3, sent: 0 }))).toBe(
      "active waiting waiting waiting waiting",
    );
    expect(shape(running({ ...keys, made: 9, sent: 20 }))).toBe(
      "active active waiting waiting waiting",
    );
    expect(shape(running({ ...keys, made: 31, sent: 60 }))).toBe(
      "done active waiting waiting waiting",
    );
  });

  it("say how far the server is", () => {
    const state = running({ at: "evaluating", step: 6, steps: 21, secondsLeft: 6 });
    expect(stations(state, null)[3]).toEqual({
      at: "active",
      fraction: 6 / 21,
      line: "Step 7 of 21, about 6 s left",
    });
    const last = running({ at: "evaluating", step: 21, steps: 21, secondsLeft: null });
    expect(stations(last, null)[3]?.line).toBe("Step 21 of 21");
  });

  it("say the place in the queue", () => {
    expect(stations(running({ at: "queued", position: 0 }), null)[3]?.line).toBe(
      "Next in the queue",
    );
    expect(stations(running({ at: "queued", position: 2 }), null)[3]?.line).toBe(
      "2 before you in the queue",
    );
  });
});
