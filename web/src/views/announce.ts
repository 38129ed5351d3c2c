/** Says to screen readers what changes, without flooding them. */
import { byId, setText } from "../dom.ts";
import { percent, shares, withArticle } from "../format.ts";
import type { State } from "../state.ts";

/** Announces through the page's one status line. */
export function announcer(): (state: State) => void {
  const status = byId("status", HTMLElement);
  return (state) => setText(status, announcement(state));
}

/** The sentence of the moment; it changes at each stage, and in quarters within a stage. */
function announcement({ service, picture, run }: State): string {
  switch (run.at) {
    case "idle":
      if (run.note === "cancelled") return "Cancelled.";
      if (run.note === "forgotten") return "Your keys are forgotten.";
      if (run.note === "keys-ready") return "Your keys are on the server.";
      if (service.at === "locked") return "This service asks for a token.";
      if (picture.at === "ready") {
        const what = picture.preview.kind === "picture" ? "Picture" : "Numbers";
        return `${what} ready: ${picture.name}.`;
      }
      return service.at === "ready" ? "The server is ready." : "";
    case "failed":
      // The problem is an alert of its own.
      return "";
    case "done": {
      const { scores } = run.answer;
      const share = scores === null ? "" : `, ${percent(shares(scores)[run.answer.class] ?? 0)}`;
      const isNumbers = picture.at === "ready" && picture.preview.kind === "numbers";
      const best = isNumbers
        ? `The best score has ${run.answer.label}`
        : `It looks like ${withArticle(run.answer.label)}`;
      return `${best}${share}. Decrypted here${scores === null ? ", the label alone" : ""}.`;
    }
    case "running":
      return runningLine(run);
  }
}

function runningLine(run: Extract<State["run"], { at: "running" }>): string {
  if (run.cancelling) return "Cancelling.";
  if (run.goal === "forget") return "Deleting your keys.";
  if (run.pause !== null) {
    return run.pause.reason === "busy"
      ? "The server is full; trying again soon."
      : "The connection broke; trying again soon.";
  }
  const { step } = run;
  switch (step.at) {
    case "checking":
      return "Looking for kept keys.";
    case "keys":
      return `Making and sending keys: ${quarter(step.total > 0 ? step.sent / step.total : 0)} sent.`;
    case "preparing":
    case "encrypting":
      return "Encrypting.";
    case "sending":
      return "Sending the ciphertext.";
    case "queued":
      return step.position === 0
        ? "Next in the server’s queue."
        : `${step.position} before you in the server’s queue.`;
    case "evaluating":
      return `The server is computing: ${quarter(step.step / step.steps)} done.`;
    case "receiving":
      return "Fetching the encrypted answer.";
    case "decrypting":
      return "Decrypting.";
  }
}

function quarter(fraction: number): string {
  return `${Math.floor(fraction * 4) * 25} %`;
}
