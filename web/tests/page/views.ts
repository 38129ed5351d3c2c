import type { Visit } from "./page.ts";

/** A state of the page, and the way to it. */
export interface View {
  readonly name: string;
  /** What the stand-in for the SDK shall do. */
  readonly query: string;
  /** The sample to classify; null for none. */
  readonly sample: string | null;
  /** The phase in which the page stays. */
  readonly until: string;
}

/** What the page looks like in the course of a visit, and in trouble. */
export const VIEWS: readonly View[] = [
  { name: "empty", query: "", sample: null, until: "waiting" },
  { name: "models", query: "case=models", sample: "cat", until: "ready" },
  { name: "ready", query: "case=kept", sample: "cat", until: "ready" },
  { name: "digits", query: "case=digits", sample: null, until: "waiting" },
  { name: "digit-file", query: "case=digits", sample: "7", until: "ready" },
  { name: "numbers", query: "case=numbers", sample: null, until: "waiting" },
  { name: "teach", query: "case=teach", sample: null, until: "waiting" },
  { name: "keys", query: "speed=30&hold=keys", sample: "dog", until: "keys" },
  { name: "evaluating", query: "speed=30&hold=evaluating", sample: "frog", until: "evaluating" },
  { name: "done", query: "speed=50", sample: "cat", until: "done" },
  { name: "label", query: "case=label", sample: "cat", until: "ready" },
  { name: "withheld", query: "case=withheld&speed=50", sample: "cat", until: "done" },
  { name: "full", query: "case=full&speed=50", sample: "ship", until: "failed" },
  { name: "down", query: "case=down&speed=50", sample: null, until: "down" },
  { name: "locked", query: "case=token&speed=50", sample: null, until: "locked" },
];

/** Goes the way, in a page that was opened with the view's query. */
export async function reach(visit: Visit, { sample, until }: View): Promise<void> {
  if (sample !== null) {
    await visit.sample(sample);
    if (until !== "ready") await visit.page.getByTestId("classify").click();
  }
  await visit.phase(until);
}
