/**
 * What the page needs of the SDK, and no more. `open.ts` fulfils it with the package
 * "blindsight"; page tests fulfil it with a stand-in.
 */

/** A file, or an image that the page already shows. */
export type PictureSource = Blob | HTMLImageElement | ImageBitmap;

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
export interface Pause {
  readonly reason: "busy" | "network";
  readonly attempt: number;
  readonly seconds: number;
}

/** Facts about the service, for display. */
export interface Facts {
  readonly origin: string;
  readonly model: string;
  readonly classes: readonly string[];
  readonly steps: number;
  readonly keyBytes: number;
  readonly keyCount: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** What this browser has kept from an earlier visit. */
export type Stored =
  | { readonly at: "none" }
  | { readonly at: "unfinished"; readonly since: Date }
  | { readonly at: "kept"; readonly since: Date };

/** Keys that are ready. */
export interface KeyFacts {
  /** Whether anything had to be uploaded. */
  readonly fresh: boolean;
  /** Whether they are kept in this browser. */
  readonly persisted: boolean;
}

/** A picture as the person and as the network will see it. */
export interface Preview {
  /** The square crop. */
  readonly square: ImageData;
  /** 32 x 32 pixels, three bytes each, row by row. */
  readonly rgb32: Uint8Array;
}

/** A decrypted answer. */
export interface Answer {
  /** Name of the class with the highest score. */
  readonly label: string;
  /** Index of that class. */
  readonly class: number;
  /** One raw score a class. */
  readonly scores: readonly number[];
  readonly seconds: {
    readonly encrypt: number;
    readonly evaluate: number;
    readonly decrypt: number;
    readonly total: number;
  };
}

/** What a request was for. */
export type Purpose =
  | "models"
  | "key-upload"
  | "key-state"
  | "key-deletion"
  | "classification-request"
  | "progress"
  | "result"
  | "cancellation";

/** One request that left this device, as the SDK saw it. */
export interface LedgerEntry {
  readonly id: number;
  readonly time: Date;
  readonly what: Purpose;
  readonly method: string;
  readonly path: string;
  /** HTTP status; null when no answer came. */
  readonly status: number | null;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Hex SHA-256 of what was sent; null for an empty body. */
  readonly sha256: string | null;
  /** First bytes of what was sent; empty for an empty body. */
  readonly head: Uint8Array;
}

/** How a long action reports and is stopped. */
export interface Control {
  readonly signal: AbortSignal;
  readonly onStep: (step: Step) => void;
  readonly onPause: (pause: Pause) => void;
}

/** The SDK, connected to a service. Every failure is thrown; `problems.ts` puts it in words. */
export interface Sdk {
  readonly facts: Facts;
  /** What is kept here. Sends nothing. */
  stored(): Promise<Stored>;
  /** Crops and shrinks a picture. Sends nothing. */
  preview(source: PictureSource): Promise<Preview>;
  /** Makes and uploads keys, or goes on where that stopped, or finds the kept ones. */
  prepareKeys(control: Control, options: { persist: boolean }): Promise<KeyFacts>;
  /** Encrypts, sends, waits, decrypts. Keys must have been prepared. */
  classify(source: PictureSource, control: Control): Promise<Answer>;
  /** Deletes the keys here and on the server. */
  forget(): Promise<void>;
}

/** Connects. `onRequest` hears of every request, the first one included. */
export type Open = (
  url: string,
  options: { signal: AbortSignal; onRequest: (entry: LedgerEntry) => void },
) => Promise<Sdk>;
