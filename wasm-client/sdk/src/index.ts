// What both entries, `browser.ts` and `node.ts`, export beside their `Client`.
export { Classifier } from "./classifier.js";
export type { ClassifierData, Example, Prediction, TrainOptions } from "./classifier.js";
export { BlindsightError } from "./errors.js";
export type { BlindsightErrorCode, BlindsightErrorOptions } from "./errors.js";
export type { ClassifyProgress, KeyProgress, Waiting } from "./progress.js";
export type { LedgerEntry, RequestKind } from "./ledger.js";
export type { ClientEvents } from "./client.js";
export type { RefusedModel } from "./contracts.js";
export { getVersions } from "./versions.js";
export type * from "./types.js";
