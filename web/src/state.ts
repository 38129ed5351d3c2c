/**
 * The page's state machine: what can be the case, and what may follow. Pure: no timers, no
 * network, no document. `controller.ts` causes the events, `views/` show the states.
 *
 * Four regions run side by side: the service, the keys kept here, the picture (or the numbers, for
 * models that read such), and the run (at most one action at a time). An event that makes no sense in a state leaves it unchanged.
 */
import type { Problem } from "./problems.ts";
import { isDrawable } from "./reads.ts";
import type { Answer, Facts, LabelOffer, Offer, Pause, Preview, Step } from "./sdk/port.ts";

/** Whether the server can be talked to. */
export type Service =
  | { readonly at: "connecting" }
  | { readonly at: "ready"; readonly facts: Facts; readonly offers: readonly Offer[] }
  | { readonly at: "down"; readonly problem: Problem }
  /** It asks for a token; `refused`: the one it was given was not the right one. */
  | { readonly at: "locked"; readonly refused: boolean };

/** What this browser keeps. */
export type KeyState =
  | { readonly at: "unknown" }
  | { readonly at: "none" }
  | { readonly at: "unfinished"; readonly since: Date }
  /** The chosen model needs further keys. */
  | { readonly at: "partial"; readonly since: Date }
  /** `since` is null for keys that were made in this visit. */
  | { readonly at: "kept"; readonly since: Date | null; readonly persisted: boolean };

/** The picture that would be classified, or the numbers. */
export type Picture =
  | { readonly at: "none" }
  /** `drawn`: it comes from the pad. */
  | { readonly at: "reading"; readonly ticket: number; readonly drawn: boolean }
  | {
      readonly at: "ready";
      readonly name: string;
      readonly preview: Preview;
      readonly drawn: boolean;
    }
  | { readonly at: "unreadable"; readonly problem: Problem };

/** What a run is for. */
export type Goal = "keys" | "label" | "forget";

/** Something that happened and is worth a sentence when nothing is wrong. */
export type Note = "cancelled" | "forgotten" | "keys-ready";

/** The one action under way, or how the last one ended. */
export type Run =
  | { readonly at: "idle"; readonly note: Note | null }
  | {
      readonly at: "running";
      readonly ticket: number;
      readonly goal: Goal;
      readonly step: Step;
      readonly pause: Pause | null;
      readonly cancelling: boolean;
      /** The server had lost the keys, so they are made and sent again. */
      readonly renewing: boolean;
    }
  | { readonly at: "failed"; readonly goal: Goal; readonly problem: Problem }
  | { readonly at: "done"; readonly answer: Answer };

/** Everything the page shows, except the ledger. */
export interface State {
  readonly service: Service;
  readonly keys: KeyState;
  readonly picture: Picture;
  readonly run: Run;
}

/** Everything that can happen. Tickets tell the current action from one that was given up. */
export type Event =
  | { readonly on: "connect" }
  | {
      readonly on: "connected";
      readonly facts: Facts;
      readonly offers: readonly Offer[];
      readonly keys: KeyState;
    }
  /** Another model, or another answer of the same one. */
  | { readonly on: "model-chosen"; readonly facts: Facts }
  /** What models cost after something has changed. */
  | { readonly on: "priced"; readonly offers: readonly Offer[] }
  /** `facts`: of the model, as it was chosen. */
  | { readonly on: "keys-known"; readonly facts: Facts; readonly keys: KeyState }
  | { readonly on: "unreachable"; readonly problem: Problem }
  | { readonly on: "locked"; readonly refused: boolean }
  | { readonly on: "picture-chosen"; readonly ticket: number; readonly drawn: boolean }
  | {
      readonly on: "picture-read";
      readonly ticket: number;
      readonly name: string;
      readonly preview: Preview;
    }
  | { readonly on: "picture-refused"; readonly ticket: number; readonly problem: Problem }
  | { readonly on: "picture-cleared" }
  | { readonly on: "started"; readonly ticket: number; readonly goal: Goal }
  | { readonly on: "stepped"; readonly ticket: number; readonly step: Step }
  | { readonly on: "paused"; readonly ticket: number; readonly pause: Pause }
  | { readonly on: "keys-lost"; readonly ticket: number }
  | { readonly on: "keys-ready"; readonly ticket: number; readonly persisted: boolean }
  | { readonly on: "answered"; readonly ticket: number; readonly answer: Answer }
  | { readonly on: "forgotten"; readonly ticket: number }
  | {
      readonly on: "failed";
      readonly ticket: number;
      readonly problem: Problem;
      readonly keys: KeyState;
    }
  | { readonly on: "cancel" }
  | { readonly on: "cancelled"; readonly ticket: number; readonly keys: KeyState };

/** Before anything is known. */
export const INITIAL: State = {
  service: { at: "connecting" },
  keys: { at: "unknown" },
  picture: { at: "none" },
  run: { at: "idle", note: null },
};

/** The state after an event. */
export function next(state: State, event: Event): State {
  switch (event.on) {
    case "connect":
      return isRunning(state) ? state : { ...state, service: { at: "connecting" } };
    case "connected":
      return {
        ...state,
        service: { at: "ready", facts: event.facts, offers: event.offers },
        keys: event.keys,
      };
    case "model-chosen": {
      const { service } = state;
      if (service.at !== "ready" || isRunning(state)) return state;
      // An answer of another model, or another kind, must not stand beside this one's name.
      return {
        ...state,
        service: { ...service, facts: event.facts },
        keys: { at: "unknown" },
        run: { at: "idle", note: null },
      };
    }
    case "priced": {
      const { service } = state;
      if (service.at !== "ready") return state;
      return { ...state, service: { ...service, offers: event.offers } };
    }
    case "keys-known": {
      const { service } = state;
      const isChosen = service.at === "ready" && service.facts === event.facts;
      return isChosen && !isRunning(state) ? { ...state, keys: event.keys } : state;
    }
    case "unreachable":
      return { ...state, service: { at: "down", problem: event.problem } };
    case "locked": {
      // What was under way goes on with the token, as a run of its own.
      const run: Run = isRunning(state) ? { at: "idle", note: null } : state.run;
      return { ...state, service: { at: "locked", refused: event.refused }, run };
    }
    case "picture-chosen":
    case "picture-read":
    case "picture-refused":
    case "picture-cleared":
      return afterPicture(state, event);
    case "started":
      return afterStart(state, event);
    case "cancel":
      return state.run.at === "running"
        ? { ...state, run: { ...state.run, cancelling: true } }
        : state;
    default:
      return afterRunEvent(state, event);
  }
}

/** Whether an action is under way. */
export function isRunning(state: State): boolean {
  return state.run.at === "running";
}

/** Whether the main button may be pressed. */
export function canClassify(state: State): boolean {
  return state.service.at === "ready" && state.picture.at === "ready" && !isRunning(state);
}

/**
 * Whether a pen may touch the pad: also while an answer is awaited, which the next stroke makes
 * pointless, but not while keys are under way.
 */
export function canDraw({ service, keys, run }: State): boolean {
  if (service.at !== "ready" || !isDrawable(service.facts.input)) return false;
  return run.at !== "running" || (run.goal === "label" && keys.at === "kept");
}

/** What it takes to reveal the label alone of the chosen model; null if that is not to be had. */
export function labelOffer({ service }: State): LabelOffer | null {
  if (service.at !== "ready") return null;
  return service.offers.find(({ id }) => id === service.facts.id)?.label ?? null;
}

/** Whether the person may turn to scores, or to the label alone. */
export function canReveal(state: State): boolean {
  const label = labelOffer(state);
  return label !== null && !label.only && !isRunning(state);
}

/** Whether there is anything to forget, and the moment to do so. */
export function canForget(state: State): boolean {
  const anything = state.keys.at !== "none" && state.keys.at !== "unknown";
  return state.service.at === "ready" && anything && !isRunning(state);
}

/** A word for what the page is doing: stable, for tests and style sheets. */
export function phase(state: State): string {
  if (state.service.at === "locked") return "locked";
  switch (state.run.at) {
    case "running":
      if (state.run.cancelling) return "cancelling";
      return state.run.goal === "forget" ? "forgetting" : state.run.step.at;
    case "failed":
      return "failed";
    case "done":
      return "done";
    case "idle":
      if (state.service.at !== "ready") return state.service.at;
      return state.picture.at === "ready" ? "ready" : "waiting";
  }
}

type PictureEvent = Extract<Event, { on: `picture-${string}` }>;

function afterPicture(state: State, event: PictureEvent): State {
  if (event.on === "picture-chosen") {
    if (isRunning(state)) return state;
    // An old answer must not stand beside a new picture.
    return {
      ...state,
      picture: { at: "reading", ticket: event.ticket, drawn: event.drawn },
      run: { at: "idle", note: null },
    };
  }
  if (event.on === "picture-cleared") {
    if (isRunning(state)) return state;
    return { ...state, picture: { at: "none" }, run: { at: "idle", note: null } };
  }
  if (state.picture.at !== "reading" || state.picture.ticket !== event.ticket) return state;
  const { drawn } = state.picture;
  const picture: Picture =
    event.on === "picture-read"
      ? { at: "ready", name: event.name, preview: event.preview, drawn }
      : { at: "unreadable", problem: event.problem };
  return { ...state, picture };
}

function afterStart(state: State, event: Extract<Event, { on: "started" }>): State {
  if (isRunning(state) || state.service.at !== "ready") return state;
  if (event.goal === "label" && state.picture.at !== "ready") return state;
  const run: Run = {
    at: "running",
    ticket: event.ticket,
    goal: event.goal,
    step: { at: "checking" },
    pause: null,
    cancelling: false,
    renewing: false,
  };
  return { ...state, run };
}

type RunEvent = Extract<
  Event,
  {
    on:
      | "stepped"
      | "paused"
      | "keys-lost"
      | "keys-ready"
      | "answered"
      | "forgotten"
      | "failed"
      | "cancelled";
  }
>;

function afterRunEvent(state: State, event: RunEvent): State {
  const { run } = state;
  if (run.at !== "running" || run.ticket !== event.ticket) return state;
  switch (event.on) {
    case "stepped":
      return afterStep(state, run, event.step);
    case "paused":
      return { ...state, run: { ...run, pause: event.pause } };
    case "keys-lost":
      return {
        ...state,
        keys: { at: "none" },
        run: { ...run, step: { at: "checking" }, pause: null, renewing: true },
      };
    case "keys-ready": {
      // Keys found from an earlier visit keep their date.
      const since = state.keys.at === "kept" ? state.keys.since : null;
      const keys: KeyState = { at: "kept", since, persisted: event.persisted };
      if (run.goal !== "keys") return { ...state, keys };
      return { ...state, keys, run: { at: "idle", note: "keys-ready" } };
    }
    case "answered":
      return run.goal === "label" ? { ...state, run: { at: "done", answer: event.answer } } : state;
    case "forgotten":
      return { ...state, keys: { at: "none" }, run: { at: "idle", note: "forgotten" } };
    case "failed":
      return {
        ...state,
        keys: event.keys,
        run: { at: "failed", goal: run.goal, problem: event.problem },
      };
    case "cancelled":
      return { ...state, keys: event.keys, run: { at: "idle", note: "cancelled" } };
  }
}

function afterStep(state: State, run: Extract<Run, { at: "running" }>, step: Step): State {
  // Nobody sends keys that are there already: those of an earlier visit have expired.
  const isLost = step.at === "keys" && state.keys.at === "kept";
  const keys: KeyState = isLost ? { at: "none" } : state.keys;
  const renewing = run.renewing || isLost;
  return { ...state, keys, run: { ...run, step, pause: null, renewing } };
}
