/** A person's actions where classes are taught: embeds, learns, keeps, answers. */
import { Classifier, type Prediction } from "blindsight";
import { codeOf, describe, isAbort, type Problem } from "../problems.ts";
import type { Control, Encoder, Pause, Sdk, Source, Step } from "../sdk/port.ts";
import type { Kept } from "./kept.ts";
import {
  canAsk,
  countOf,
  MOST_EACH,
  named,
  NOTHING,
  readTaught,
  type Taught,
  withClass,
  withLesson,
  withoutClass,
} from "./taught.ts";

/** What is under way, or how the last action ended. */
export type Work =
  | { readonly at: "idle"; readonly line: string }
  | {
      readonly at: "running";
      readonly step: Step | null;
      readonly pause: Pause | null;
      readonly done: number;
      readonly total: number;
    }
  | { readonly at: "failed"; readonly problem: Problem };

/** A prediction with the names that it is about. */
export interface Verdict extends Prediction {
  readonly labels: readonly string[];
}

/** Everything that is shown of it. */
export interface TeachState {
  /** What can be chosen from. */
  readonly encoders: readonly Encoder[];
  readonly encoder: Encoder | null;
  readonly taught: Taught;
  readonly work: Work;
  readonly verdict: Verdict | null;
}

/** What the teacher needs from its surroundings. */
export interface Surroundings {
  readonly sdk: () => Sdk | null;
  readonly online: () => boolean;
  readonly kept: Kept;
  readonly onState: () => void;
}

/** Teaches classes and asks about them. One action at a time. */
export class Teacher {
  readonly #around: Surroundings;
  #state: TeachState = {
    encoders: [],
    encoder: null,
    taught: NOTHING,
    work: { at: "idle", line: "" },
    verdict: null,
  };
  #abort: AbortController | null = null;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get state(): TeachState {
    return this.#state;
  }

  /** Looks which encoders there are now, and takes up what was taught with the chosen one. */
  meet(): void {
    const encoders = this.#around.sdk()?.encoders ?? [];
    const before = this.#state.encoder;
    const encoder = encoders.find(({ id }) => id === before?.id) ?? encoders[0];
    if (encoder === undefined) return;
    if (encoder.contract !== before?.contract) this.#take(encoder, encoders);
    else if (encoders !== this.#state.encoders) this.#set({ encoders });
  }

  /** Chooses another encoder, with what was taught with that one. */
  choose(id: string): void {
    const { encoders, encoder } = this.#state;
    const chosen = encoders.find((each) => each.id === id);
    if (chosen === undefined || chosen === encoder || this.#isBusy()) return;
    this.#take(chosen, encoders);
    this.#say("");
  }

  /** Makes a class; says what is wrong with its name. */
  addClass(text: string): boolean {
    const checked = named(this.#state.taught, text);
    if ("wrong" in checked) {
      this.#say(checked.wrong);
      return false;
    }
    this.#keep(withClass(this.#state.taught, checked.name));
    this.#say(`Now show a few of ${checked.name}.`);
    return true;
  }

  /** Forgets a class with all that was shown of it. */
  removeClass(name: string): void {
    if (this.#isBusy()) return;
    this.#keep(withoutClass(this.#state.taught, name));
    this.#say(`${name} is forgotten.`);
  }

  /** Shows examples of a class. Those that were embedded before a failure count. */
  async teach(name: string, sources: readonly Source[]): Promise<void> {
    const room = MOST_EACH - countOf(this.#state.taught, name);
    if (room <= 0) return this.#say(`There are ${MOST_EACH} of ${name} already, which is enough.`);
    await this.#act(sources.slice(0, room), (features) => {
      this.#keep(withLesson(this.#state.taught, { features, label: name }));
      return `${countOf(this.#state.taught, name)} of ${name}.`;
    });
  }

  /** Asks what something is. */
  async ask(source: Source): Promise<void> {
    if (!canAsk(this.#state.taught)) return this.#say("First show some of two classes.");
    await this.#act([source], (features) => {
      const classifier = Classifier.train(this.#state.taught.lessons);
      const verdict = { ...classifier.predict(features), labels: classifier.labels };
      this.#set({ verdict });
      return `It looks like ${verdict.label}.`;
    });
  }

  /** Stops what is under way. */
  cancel(): void {
    this.#abort?.abort();
  }

  /** Forgets everything that was taught. */
  forget(): void {
    if (this.#isBusy()) return;
    this.#keep(NOTHING);
    this.#say("What you taught is forgotten.");
  }

  /** Embeds one after another; `take` says what became of each. */
  async #act(sources: readonly Source[], take: (features: number[]) => string): Promise<void> {
    const sdk = this.#around.sdk();
    const { encoder } = this.#state;
    if (sdk === null || encoder === null || this.#isBusy()) return;
    const abort = new AbortController();
    this.#abort = abort;
    const [total, running] = [sources.length, { at: "running", pause: null } as const];
    let line = "";
    try {
      for (const [done, source] of sources.entries()) {
        const show = (step: Step | null): void =>
          this.#set({ work: { ...running, step, done, total }, verdict: null });
        show(null);
        const control: Control = {
          signal: abort.signal,
          onStep: show,
          onPause: (pause) =>
            this.#set({ work: { at: "running", step: null, pause, done, total } }),
        };
        line = take([...(await embedded(() => sdk.embed(encoder, source, control)))]);
      }
      this.#set({ work: { at: "idle", line } });
    } catch (error) {
      if (isAbort(error) || abort.signal.aborted)
        this.#set({ work: { at: "idle", line: "Cancelled." } });
      else this.#set({ work: { at: "failed", problem: describe(error, this.#around.online()) } });
    } finally {
      this.#abort = null;
    }
  }

  #isBusy(): boolean {
    return this.#state.work.at === "running";
  }

  /** Features of another encoder mean something else: each has its own lessons. */
  #take(encoder: Encoder, encoders: readonly Encoder[]): void {
    const taught = readTaught(this.#stored()[encoder.contract], encoder.features);
    this.#set({ encoders, encoder, taught, verdict: null });
  }

  #keep(taught: Taught): void {
    const { encoders, encoder } = this.#state;
    if (encoder === null) return;
    this.#set({ taught, verdict: null });
    const stored = this.#stored();
    const all = encoders.map(({ contract }): [string, unknown] => [
      contract,
      contract === encoder.contract ? taught : stored[contract],
    ]);
    // Not what encoders were taught that are no more.
    const some = all.filter(([, each]) => each !== undefined && each !== NOTHING);
    if (some.length > 0) this.#around.kept.save(Object.fromEntries(some));
    else this.#around.kept.remove();
  }

  /** What each encoder was taught, by its contract; whatever it is. */
  #stored(): Readonly<Record<string, unknown>> {
    const stored = this.#around.kept.load();
    if (typeof stored !== "object" || stored === null) return {};
    return stored as Readonly<Record<string, unknown>>;
  }

  #say(line: string): void {
    if (!this.#isBusy()) this.#set({ work: { at: "idle", line } });
  }

  #set(change: Partial<TeachState>): void {
    this.#state = { ...this.#state, ...change };
    this.#around.onState();
  }
}

/** Keys expire on the server. Once, new ones are made without asking. */
async function embedded(embed: () => Promise<Float32Array>): Promise<Float32Array> {
  try {
    return await embed();
  } catch (error) {
    if (codeOf(error) !== "keys_lost") throw error;
    return embed();
  }
}
