/** What is kept, and the button that ends it. */
import type { Controller } from "../controller.ts";
import { byId, setAttribute, setText } from "../dom.ts";
import { bytes, day } from "../format.ts";
import { canForget, type State } from "../state.ts";

/** Shows the keys' state and hears "Forget my keys". */
export function keysView(controller: Controller): (state: State) => void {
  const line = byId("keys-line", HTMLElement);
  const forget = byId("forget", HTMLButtonElement);
  forget.addEventListener("click", () => void controller.forget());
  return (state) => {
    setText(line, keysLine(state));
    setAttribute(line, "data-at", state.keys.at);
    setAttribute(forget, "aria-disabled", String(!canForget(state)));
  };
}

/** A sentence on the keys. */
function keysLine({ keys, service, run }: State): string {
  const size = service.at === "ready" ? bytes(service.facts.keyBytes) : "";
  if (run.at === "idle" && run.note === "forgotten") {
    return "Forgotten, here and on the server. New ones are made when they are next needed.";
  }
  if (run.at === "running" && run.goal !== "forget" && run.step.at === "keys") {
    return "They are being made here and sent to the server.";
  }
  switch (keys.at) {
    case "unknown":
      return "";
    case "none":
      return "None yet. They are made here, when they are first needed.";
    case "unfinished":
      return `Made ${day(keys.since)}; their upload is not finished. The secret one is sealed in this browser.`;
    case "partial":
      return `Made ${day(keys.since)}. This model needs more of them, which are made when it is first used. The secret one stays here.`;
    case "kept": {
      const made = keys.since === null ? "Made just now" : `Made ${day(keys.since)}`;
      return keys.persisted
        ? `${made}. The secret one is sealed in this browser and never leaves it; the server holds ${size} of evaluation keys, with which it can compute but not decrypt.`
        : `${made}, for this visit only. The secret one is in this page’s memory; the server holds ${size} of evaluation keys, with which it can compute but not decrypt.`;
    }
  }
}
