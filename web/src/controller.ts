/** Causes the events of the state machine: talks to the SDK, owns cancellation. */
import { Drawing } from "./digit.ts";
import type { Flag } from "./flags.ts";
import { codeOf, describe, describeForgetting, isAbort } from "./problems.ts";
import { maySwitch } from "./reads.ts";
import type { Choice, Control, LabelAnswer, LedgerEntry, Open, Sdk, Source } from "./sdk/port.ts";
import {
  canClassify,
  canDraw,
  canForget,
  canReveal,
  type Event,
  type Goal,
  INITIAL,
  isRunning,
  type KeyState,
  next,
  type State,
} from "./state.ts";

/** What the controller needs from its surroundings. */
export interface Surroundings {
  readonly url: string;
  readonly open: Open;
  readonly online: () => boolean;
  /** Whether the person stopped an upload, so that it does not go on by itself. */
  readonly halted: Flag;
  /** Whether the person wants the label alone, where there is a choice. */
  readonly labelOnly: Flag;
  readonly onState: (state: State) => void;
  readonly onRequest: (entry: LedgerEntry) => void;
}

/** The actions of a person on the page. */
export class Controller {
  #state: State = INITIAL;
  #sdk: Sdk | null = null;
  #source: Source | null = null;
  /** A picture that was chosen while the server was down. */
  #pending: { readonly source: Source; readonly name: string } | null = null;
  /** The last picture that was chosen, readable or not. */
  #chosen: { readonly source: Source; readonly name: string } | null = null;
  /** The model that was chosen, for a client that is opened anew. */
  #model: string | null = null;
  /** In memory alone: who reloads the page gives it again, and nobody finds it on the disk. */
  #token: string | null = null;
  /** What the server's wish for a token interrupted. */
  #interrupted: Goal | null = null;
  #ticket = 0;
  #abort: AbortController | null = null;
  /** Ends with the action under way. */
  #running: Promise<void> = Promise.resolve();
  readonly #around: Surroundings;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The state now. */
  get state(): State {
    return this.#state;
  }

  /** The SDK, while there is a connection. */
  get sdk(): Sdk | null {
    return this.#sdk;
  }

  /**
   * Connects; goes on with what a missing token interrupted, or with an upload that an earlier
   * visit left unfinished.
   */
  async connect(): Promise<void> {
    if (isRunning(this.#state)) return;
    this.#send({ on: "connect" });
    try {
      const { url, open, onRequest } = this.#around;
      if (this.#sdk === null) {
        this.#sdk = await open(url, { token: this.#token, onRequest });
        this.#sdk.use({ model: this.#model ?? this.#sdk.facts.id, answer: this.#wish });
      }
      const keys = await this.#stored(this.#sdk);
      const offers = await this.#sdk.offers();
      this.#send({ on: "connected", facts: this.#sdk.facts, offers, keys });
    } catch (error) {
      if (isLocked(error)) this.#lock();
      else this.#send({ on: "unreachable", problem: describe(error, this.#around.online()) });
      return;
    }
    const interrupted = this.#interrupted;
    this.#interrupted = null;
    const pending = this.#pending;
    if (pending !== null) await this.choose(pending.source, pending.name);
    const isUnfinished = this.#state.keys.at === "unfinished";
    if (interrupted !== null) await this.#run(interrupted);
    else if (isUnfinished && !this.#around.halted.get()) await this.#run("keys");
  }

  /** Connects with a token, and goes on. */
  async unlock(token: string): Promise<void> {
    if (this.#state.service.at !== "locked") return;
    this.#token = token;
    await this.connect();
  }

  /** Chooses a model. Its keys are made when a picture is classified. */
  async chooseModel(id: string): Promise<void> {
    const { service } = this.#state;
    if (service.at !== "ready" || id === service.facts.id) return;
    await this.#use({ model: id, answer: this.#wish });
  }

  /** Chooses what the model shall tell, where there is a choice. */
  async chooseAnswer(answer: LabelAnswer): Promise<void> {
    const { service } = this.#state;
    if (service.at !== "ready" || !canReveal(this.#state)) return;
    if (answer === service.facts.answer) return;
    this.#around.labelOnly.set(answer === "label");
    await this.#use({ model: service.facts.id, answer });
  }

  /** It stays when another model is chosen. */
  get #wish(): LabelAnswer {
    return this.#around.labelOnly.get() ? "label" : "scores";
  }

  async #use(choice: Choice): Promise<void> {
    const sdk = this.#sdk;
    const { service, picture } = this.#state;
    if (sdk === null || service.at !== "ready" || isRunning(this.#state)) return;
    sdk.use(choice);
    this.#model = choice.model;
    const facts = sdk.facts;
    this.#send({ on: "model-chosen", facts });
    const chosen = this.#chosen;
    const ticket = this.#ticket;
    const stays = chosen !== null && maySwitch(chosen.source, service.facts.input, facts.input);
    if (!stays) this.clear();
    await this.#price(sdk);
    const keys = await this.#stored(sdk);
    this.#send({ on: "keys-known", facts, keys });
    // It may read pictures of another size. One chosen meanwhile is already read as it wants.
    if (!stays || picture.at === "none" || this.#ticket !== ticket) return;
    if (facts.id === service.facts.id) return;
    await this.choose(chosen.source, chosen.name);
  }

  /** Takes a drawing, in the place of an earlier one. Nothing is sent. */
  async draw(drawing: Drawing): Promise<void> {
    await this.interrupt();
    await this.choose(drawing, "your drawing");
  }

  /** Classifies the drawing without being told, but makes no keys for it. */
  async classifyDrawing(): Promise<void> {
    const { picture, keys } = this.#state;
    if (picture.at === "ready" && picture.drawn && keys.at === "kept") await this.classify();
  }

  /** Gives up waiting for an answer, because its question is about to change. Keys go on. */
  async interrupt(): Promise<void> {
    const { run } = this.#state;
    if (run.at !== "running" || !canDraw(this.#state)) return;
    this.#send({ on: "cancel" });
    this.#abort?.abort();
    await this.#running;
  }

  /** Puts the picture away. */
  clear(): void {
    if (isRunning(this.#state)) return;
    this.#source = null;
    this.#chosen = null;
    this.#pending = null;
    this.#send({ on: "picture-cleared" });
  }

  /** Takes a picture, or numbers: reads them as the model will. Nothing is sent. */
  async choose(source: Source, name: string): Promise<void> {
    if (isRunning(this.#state)) return;
    const ticket = ++this.#ticket;
    this.#interrupted = null;
    this.#send({ on: "picture-chosen", ticket, drawn: source instanceof Drawing });
    this.#chosen = { source, name };
    try {
      if (this.#sdk === null) {
        // The SDK exists once the server was reached; this picture is read then.
        this.#pending = { source, name };
        if (this.#state.service.at === "down") await this.connect();
        return;
      }
      this.#pending = null;
      const preview = await this.#sdk.preview(source);
      this.#send({ on: "picture-read", ticket, name, preview });
      // Another may have been chosen meanwhile.
      const { picture } = this.#state;
      if (picture.at === "ready" && picture.preview === preview) this.#source = source;
    } catch (error) {
      const problem = describe(error, this.#around.online());
      this.#send({ on: "picture-refused", ticket, problem });
    }
  }

  /** Keys if needed, then the picture's label. */
  async classify(options: { persist: boolean } = { persist: true }): Promise<void> {
    if (canClassify(this.#state)) await this.#run("label", options);
  }

  /** Deletes the keys here and on the server. */
  async forget(): Promise<void> {
    if (canForget(this.#state)) await this.#run("forget");
  }

  /** Stops what is under way. What was uploaded so far is kept. */
  cancel(): void {
    this.#send({ on: "cancel" });
    if (this.#abort === null) return;
    this.#around.halted.set(true);
    this.#abort.abort();
  }

  /** Does what the button beside a problem offers. */
  async remedy(): Promise<void> {
    const { service, run } = this.#state;
    if (service.at === "down") return this.connect();
    if (run.at !== "failed") return;
    const persist = run.problem.remedy !== "without-storage";
    if (run.problem.remedy === "start-over") await this.#sdk?.forget().catch(() => undefined);
    await this.#run(run.goal, { persist });
  }

  #run(goal: Goal, options: { persist: boolean } = { persist: true }): Promise<void> {
    this.#running = this.#act(goal, options);
    return this.#running;
  }

  async #act(goal: Goal, options: { persist: boolean }): Promise<void> {
    const sdk = this.#sdk;
    if (sdk === null) return;
    const ticket = ++this.#ticket;
    this.#send({ on: "started", ticket, goal });
    if (!isRunning(this.#state)) return;
    const abort = new AbortController();
    this.#abort = abort;
    this.#around.halted.set(false);
    const control: Control = {
      signal: abort.signal,
      onStep: (step) => this.#send({ on: "stepped", ticket, step }),
      onPause: (pause) => this.#send({ on: "paused", ticket, pause }),
    };
    try {
      if (goal === "forget") {
        await sdk.forget();
        this.#send({ on: "forgotten", ticket });
        return;
      }
      await this.#attempt(sdk, goal, ticket, control, options).catch(async (error: unknown) => {
        // Keys expire on the server. Once, new ones are made without asking.
        if (codeOf(error) !== "keys_lost") throw error;
        this.#send({ on: "keys-lost", ticket });
        await this.#attempt(sdk, goal, ticket, control, options);
      });
    } catch (error) {
      const keys = await this.#stored(sdk);
      if (isAbort(error) || abort.signal.aborted) {
        this.#send({ on: "cancelled", ticket, keys });
      } else if (isLocked(error) && goal !== "forget") {
        this.#interrupted = goal;
      } else {
        const words = goal === "forget" ? describeForgetting : describe;
        this.#send({ on: "failed", ticket, problem: words(error, this.#around.online()), keys });
      }
      if (isLocked(error)) this.#lock();
    } finally {
      if (this.#abort === abort) this.#abort = null;
      // Keys have come or gone, and with them what each model costs.
      if (this.#sdk === sdk && this.#state.service.at === "ready") await this.#price(sdk);
    }
  }

  /** What models cost now. */
  async #price(sdk: Sdk): Promise<void> {
    const offers = await sdk.offers();
    if (this.#sdk === sdk) this.#send({ on: "priced", offers });
  }

  async #attempt(
    sdk: Sdk,
    goal: Goal,
    ticket: number,
    control: Control,
    options: { persist: boolean },
  ): Promise<void> {
    const { persisted } = await sdk.prepareKeys(control, options);
    control.signal.throwIfAborted();
    this.#send({ on: "keys-ready", ticket, persisted });
    if (goal !== "label" || this.#source === null) return;
    const answer = await sdk.classify(this.#source, control);
    this.#send({ on: "answered", ticket, answer });
  }

  /** A client has one token for its life. */
  #lock(): void {
    this.#sdk?.close();
    this.#sdk = null;
    this.#send({ on: "locked", refused: this.#token !== null });
  }

  /** Trouble with the storage shows when keys are made, not before. */
  async #stored(sdk: Sdk): Promise<KeyState> {
    const stored = await sdk.stored().catch(() => ({ at: "none" }) as const);
    return stored.at === "kept" ? { persisted: true, ...stored } : stored;
  }

  #send(event: Event): void {
    const before = this.#state;
    this.#state = next(before, event);
    if (this.#state !== before) this.#around.onState(this.#state);
  }
}

function isLocked(error: unknown): boolean {
  return codeOf(error) === "unauthorized";
}
