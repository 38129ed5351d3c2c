/** The book of everything that left this device: grouping and sums. */
import type { LedgerEntry, RequestKind } from "./sdk/port.ts";

/** Requests of one purpose in a row: the parts of an upload, the questions how far a job is. */
export interface Group {
  readonly what: RequestKind;
  readonly entries: readonly LedgerEntry[];
}

/** Sums over requests. */
export interface Sums {
  readonly requests: number;
  readonly sent: number;
  readonly received: number;
}

/** In words what a request was. */
export const PURPOSES: Readonly<Record<RequestKind, string>> = {
  models: "Which models are offered?",
  contract: "What does a model ask for?",
  "key-upload": "Evaluation keys",
  "key-state": "Are the keys still there?",
  "key-deletion": "Delete the keys",
  "classification-request": "The encrypted input",
  progress: "How far is it?",
  result: "Fetch the encrypted answer",
  cancellation: "Cancel the computation",
};

const GROUPED: readonly RequestKind[] = ["contract", "key-upload", "progress", "key-state"];

/** Puts neighbours of one purpose together, where it is a purpose that comes in many requests. */
export function group(entries: readonly LedgerEntry[]): Group[] {
  const groups: { what: RequestKind; entries: LedgerEntry[] }[] = [];
  for (const entry of entries) {
    const last = groups.at(-1);
    if (last?.what === entry.what && GROUPED.includes(entry.what)) last.entries.push(entry);
    else groups.push({ what: entry.what, entries: [entry] });
  }
  return groups;
}

/** Requests and bytes in all. */
export function sums(entries: readonly LedgerEntry[]): Sums {
  return {
    requests: entries.length,
    sent: entries.reduce((sum, entry) => sum + entry.requestBytes, 0),
    received: entries.reduce((sum, entry) => sum + entry.responseBytes, 0),
  };
}
