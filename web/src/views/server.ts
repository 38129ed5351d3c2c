/** The side of the server: the ciphertext as it sees it, and the layers that pass. */
import { clear, unrollBytes } from "../draw.ts";
import { byId, h, setAttribute, setText } from "../dom.ts";
import { bytes, duration } from "../format.ts";
import { nounOf } from "../reads.ts";
import type { LedgerEntry } from "../sdk/port.ts";
import type { State } from "../state.ts";
import { layerLine, queueLine } from "./rail.ts";

/** Shows the server's side. `sent` hears of every request. */
export function serverView(): { show: (state: State) => void; sent: (entry: LedgerEntry) => void } {
  const noise = byId("noise", HTMLCanvasElement);
  const caption = byId("noise-caption", HTMLElement);
  const layers = byId("layers", HTMLElement);
  const line = byId("server-line", HTMLElement);
  const holdsKeys = byId("holds-keys", HTMLElement);
  const holdsPicture = byId("holds-picture", HTMLElement);
  let sentBytes = 0;
  /** How many there are, the server says with the first job. */
  let steps = 0;
  const encryptedName = byId("encrypted-name", HTMLElement);
  const neverName = byId("never-name", HTMLElement);
  let picture: State["picture"] | null = null;
  let noun: "picture" | "numbers" = "picture";

  const empty = (): void => {
    clear(noise);
    sentBytes = 0;
    noise.dataset["filled"] = "false";
    setText(caption, `What it gets of your ${noun}: nothing yet`);
    setAttribute(noise, "aria-label", `What the server has of your ${noun}: nothing yet`);
  };

  return {
    sent(entry) {
      if (entry.what !== "classification-request" || entry.head.length === 0) return;
      sentBytes = entry.requestBytes;
      noise.dataset["filled"] = "true";
      unrollBytes(noise, entry.head);
      setText(caption, `What it gets: ${bytes(entry.requestBytes)} of this`);
      setAttribute(noise, "aria-label", `What the server has of your ${noun}: noise`);
    },
    show(state) {
      if (state.service.at === "ready" && noun !== nounOf(state.service.facts.input)) {
        noun = nounOf(state.service.facts.input);
        setText(encryptedName, `Your ${noun}, encrypted`);
        setText(neverName, `Your ${noun}, scores, label`);
        empty();
      }
      // The noise belongs to the picture it was made from.
      const isForgotten = state.run.at === "idle" && state.run.note === "forgotten";
      if (isForgotten || (picture !== state.picture && state.picture.at !== "ready")) empty();
      picture = state.picture;
      steps = knownSteps(state) ?? steps;
      if (layers.childElementCount !== steps) {
        layers.replaceChildren(...Array.from({ length: steps }, () => h("span")));
      }
      const passed = passedSteps(state, steps);
      Array.from(layers.children).forEach((layer, i) => {
        setAttribute(layer, "data-at", i < passed ? "done" : i === passed ? "next" : "waiting");
      });
      setAttribute(layers, "data-running", String(isEvaluating(state)));
      setText(line, serverLine(state));
      setText(holdsKeys, keysHeld(state));
      setText(holdsPicture, sentBytes > 0 ? bytes(sentBytes) : "none");
    },
  };
}

function isEvaluating({ run }: State): boolean {
  return run.at === "running" && run.step.at === "evaluating";
}

function knownSteps({ run, service }: State): number | null {
  if (run.at === "running" && run.step.at === "evaluating") return run.step.steps;
  // Another model has other steps.
  return run.at === "idle" || service.at !== "ready" ? 0 : null;
}

function passedSteps({ run }: State, steps: number): number {
  if (run.at === "done") return steps;
  if (run.at !== "running") return 0;
  if (run.step.at === "evaluating") return run.step.step;
  return run.step.at === "receiving" || run.step.at === "decrypting" ? steps : 0;
}

function keysHeld({ run, keys, service }: State): string {
  if (run.at === "running" && run.step.at === "keys") return bytes(run.step.sent);
  if (keys.at === "kept" && service.at === "ready") return bytes(service.facts.keyBytes);
  return keys.at === "unfinished" || keys.at === "partial" ? "some" : "none";
}

function serverLine({ run, service }: State): string {
  if (run.at === "done") return "It computed on the noise, and sent back more noise.";
  if (run.at === "running") {
    switch (run.step.at) {
      case "queued":
        return queueLine(run.step.position);
      case "evaluating":
        return layerLine(run.step);
      case "sending":
        return "Receiving the ciphertext";
      case "receiving":
        return "Sending back the encrypted answer";
    }
  }
  return service.at === "ready"
    ? `${service.facts.model}: about ${duration(service.facts.seconds)} on ciphertext`
    : "";
}
