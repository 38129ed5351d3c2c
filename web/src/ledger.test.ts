import { expect, it } from "vitest";
import { group, sums } from "./ledger.ts";
import type { LedgerEntry, RequestKind } from "./sdk/port.ts";

function entries(...kinds: RequestKind[]): LedgerEntry[] {
  return kinds.map((what, i) => ({
    id: i + 1,
    time: 0,
    what,
    method: "GET",
    url: "/",
    status: 200,
    requestBytes: 10,
    responseBytes: 1,
    sha256: null,
    head: new Uint8Array(),
  }));
}

it("puts the parts of an upload together, and loses none", () => {
  const all = entries(
    "models",
    "key-upload",
    "key-upload",
    "key-state",
    "key-upload",
    "result",
    "result",
  );
  const groups = group(all);
  expect(groups.map(({ what, entries }) => `${what} ${entries.length}`)).toEqual([
    "models 1",
    "key-upload 2",
    "key-state 1",
    "key-upload 1",
    "result 1",
    "result 1",
  ]);
  expect(groups.flatMap((one) => one.entries)).toEqual(all);
});

it("sums", () => {
  expect(sums(entries("models", "result"))).toEqual({ requests: 2, sent: 20, received: 2 });
});
