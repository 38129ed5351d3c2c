/**
 * What the page needs of the SDK, and no more. `open.ts` fulfils it with the package
 * "blindsight"; page tests fulfil it with a stand-in.
 */
import type { Classification, Keys, LedgerEntry, ModelInput, Waiting } from "blindsight";
import type { Drawing } from "../digit.ts";

export type { LedgerEntry, ModelInput, RequestKind } from "blindsight";

/** What the page asks classifiers for. */
export type LabelAnswer = "scores" | "label";

/**
 * What comes in: a file, which is a picture or numbers as the model wants; an image that the page
 * already shows; a drawing; numbers as text.
 */
export type Source = Blob | HTMLImageElement | Drawing | string;

/** One thing the SDK does, with how far it is. */
export type Step =
  | { readonly at: "checking" }
  /** Keys are made and sent at the same time. */
  | {
      readonly at: "keys";
      readonly made: number;
      readonly count: number;
      readonly sent: number;
      readonly total: number;
      readonly resumed: boolean;
    }
  | { readonly at: "preparing" }
  | { readonly at: "encrypting" }
  | { readonly at: "sending" }
  /** `position` 0 is next. */
  | { readonly at: "queued"; readonly position: number }
  | {
      readonly at: "evaluating";
      readonly step: number;
      readonly steps: number;
      readonly secondsLeft: number | null;
    }
  | { readonly at: "receiving" }
  | { readonly at: "decrypting" };

/** A pause within a step, until the SDK tries again by itself. */
export type Pause = Pick<Waiting, "reason" | "retryInSeconds">;

/** Facts about the service and the chosen model, for display: they come from its contract. */
export interface Facts {
  readonly origin: string;
  /** Its name in the protocol. */
  readonly id: string;
  /** Its name for people. */
  readonly model: string;
  /** What it tells: scores, or the label alone. */
  readonly answer: LabelAnswer;
  readonly classes: readonly string[];
  /** What it reads. */
  readonly input: ModelInput;
  /** All of its keys. */
  readonly keyBytes: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** What the network is expected to take. */
  readonly seconds: number;
}

/** A model to choose, and what it would cost. */
export interface Offer {
  readonly id: string;
  readonly model: string;
  readonly input: ModelInput;
  /** Bytes of keys that would have to be made and sent first. */
  readonly missingKeyBytes: number;
  readonly requestBytes: number;
  readonly seconds: number;
  /** What it costs to reveal the label alone; null if that is not to be had. */
  readonly label: LabelOffer | null;
}

/** The label alone of a model. */
export interface LabelOffer {
  /** The model's owner gives nothing else. */
  readonly only: boolean;
  /** Bytes of keys that must be made and sent beyond those for scores. */
  readonly furtherKeyBytes: number;
  /** What a run takes longer than one for scores. */
  readonly furtherSeconds: number;
}

/** A model that gives features, for classes of one's own. */
export interface Encoder {
  readonly id: string;
  /** Its name for people. */
  readonly model: string;
  /** SHA-256 of its contract: features of another one mean something else. */
  readonly contract: string;
  readonly input: ModelInput;
  /** How many numbers it gives. */
  readonly features: number;
  /** What its keys come to, in bytes, and how long a run takes, as its compiler says. */
  readonly keyBytes: number;
  readonly seconds: number;
}

/** What there is of keys for the chosen model. */
export type Stored =
  | { readonly at: "none" }
  | { readonly at: "unfinished"; readonly since: Date }
  /** Those of another model do for a part. */
  | { readonly at: "partial"; readonly since: Date }
  /** `since` is null for keys of this visit alone. */
  | { readonly at: "kept"; readonly since: Date | null; readonly persisted?: boolean };

/** Keys that are ready; `persisted` if they are kept in this browser. */
export type KeyFacts = Pick<Keys, "persisted">;

/** What was read, as the network will see it. */
export type Preview = PicturePreview | NumbersPreview;

/** Numbers as the network will read them. */
export interface NumbersPreview {
  readonly kind: "numbers";
  readonly values: Float32Array;
}

/** A picture as the person and as the network will see it. */
export interface PicturePreview {
  readonly kind: "picture";
  /** The square crop. */
  readonly square: ImageData;
  /** Rows and columns of what the network reads. */
  readonly side: number;
  /** Its pixels, three bytes each, row by row. */
  readonly rgb: Uint8Array;
}

/** A decrypted answer, with the times that the page shows; `scores` null where nobody learns them. */
export type Answer = Pick<Classification, "label" | "class"> & {
  scores: readonly number[] | null;
  seconds: Pick<Classification["seconds"], "encrypt" | "evaluate" | "decrypt" | "total">;
};

/** How a long action reports and is stopped. */
export interface Control {
  readonly signal: AbortSignal;
  readonly onStep: (step: Step) => void;
  readonly onPause: (pause: Pause) => void;
}

/** What a person wants: the label alone of a model counts where it can be had. */
export interface Choice {
  readonly model: string;
  readonly answer: LabelAnswer;
}

/** The SDK, connected to a service. Every failure is thrown; `problems.ts` puts it in words. */
export interface Sdk {
  /** About the chosen model: the first, until another is chosen. */
  readonly facts: Facts;
  /** The models, with what each costs now. Sends nothing. */
  offers(): Promise<readonly Offer[]>;
  /** Chooses a model and what it shall tell, for everything that follows. */
  use(choice: Choice): void;
  /** What is kept here. Sends nothing. */
  stored(): Promise<Stored>;
  /** Crops and shrinks a picture, or reads and counts numbers. Sends nothing. */
  preview(source: Source): Promise<Preview>;
  /** Makes and uploads keys, or goes on where that stopped, or finds the kept ones. */
  prepareKeys(control: Control, options: { persist: boolean }): Promise<KeyFacts>;
  /** Encrypts, sends, waits, decrypts. Keys must have been prepared. */
  classify(source: Source, control: Control): Promise<Answer>;
  /** The encoders that read pictures, the fastest first. */
  readonly encoders: readonly Encoder[];
  /** What an encoder makes of a picture or a drawing. Makes and uploads keys for it, if need be. */
  embed(encoder: Encoder, source: Source, control: Control): Promise<Float32Array>;
  /** Deletes the keys here and on the server. */
  forget(): Promise<void>;
  /** Ends it. What is kept stays. */
  close(): void;
}

/**
 * Connects, with the service's token if there is one. `onRequest` hears of every request, the first
 * one included.
 */
export type Open = (
  url: string,
  options: { token: string | null; onRequest: (entry: LedgerEntry) => void },
) => Promise<Sdk>;
