/** The side of this device: the two pictures, the main button, what it will cost. */
import type { Controller } from "../controller.ts";
import { clear, drawImage, drawPixels } from "../draw.ts";
import { byId, setAttribute, setText } from "../dom.ts";
import { bytes, duration, withArticle } from "../format.ts";
import { isDrawable, nounOf } from "../reads.ts";
import type { ModelInput, PicturePreview } from "../sdk/port.ts";
import { canClassify, isRunning, type State } from "../state.ts";

/** What the main button says while it waits. */
const WORKING = { label: "Working …", keys: "Sending keys …", forget: "Deleting keys …" } as const;

/** Shows pictures and buttons, and hears the buttons. */
export function stageView(controller: Controller): (state: State) => void {
  const frames = byId("frames", HTMLElement);
  const square = byId("square", HTMLCanvasElement);
  const pixels = byId("pixels", HTMLCanvasElement);
  const pick = byId("pick", HTMLFieldSetElement);
  const classify = byId("classify", HTMLButtonElement);
  const cancel = byId("cancel", HTMLButtonElement);
  const caption = byId("pixels-caption", HTMLElement);
  const hint = byId("hint", HTMLElement);
  const service = byId("service", HTMLElement);
  const choose = byId("choose", HTMLButtonElement);
  let drawn: PicturePreview | null = null;

  // The button stays reachable by keyboard while it waits, so it is never `disabled`.
  classify.addEventListener("click", () => {
    if (canClassify(controller.state)) void controller.classify();
    else if (!isRunning(controller.state)) choose.focus();
  });
  cancel.addEventListener("click", () => controller.cancel());

  return (state) => {
    const { picture } = state;
    const running = state.run.at === "running" ? state.run : null;
    const preview = picture.at === "ready" ? picture.preview : null;
    if (preview?.kind === "picture" && preview !== drawn) {
      drawn = preview;
      drawImage(square, drawn.square);
      square.classList.toggle("crisp", drawn.square.width <= 64);
      drawPixels(pixels, drawn.rgb, drawn.side);
      const { side } = drawn;
      const label = `Your picture shrunk to ${side} by ${side} pixels, as the network will see it`;
      setAttribute(pixels, "aria-label", label);
    }
    // What was cleared away is not to be seen any longer.
    if (picture.at === "none" && drawn !== null) {
      drawn = null;
      for (const canvas of [square, pixels]) clear(canvas);
    }
    if (state.service.at === "ready") {
      const { rows, columns } = state.service.facts.input;
      setText(caption, `${columns} × ${rows}, for the network`);
    }
    setAttribute(frames, "data-filled", String(preview !== null));
    pick.disabled = running !== null;
    setAttribute(classify, "aria-disabled", String(!canClassify(state)));
    const stoppable = running !== null && running.goal !== "forget";
    if (!stoppable && document.activeElement === cancel) classify.focus();
    cancel.hidden = !stoppable;
    setAttribute(cancel, "aria-disabled", String(running?.cancelling === true));
    setText(cancel, running?.cancelling === true ? "Cancelling …" : "Cancel");
    setText(classify, running === null ? "Encrypt and classify" : WORKING[running.goal]);
    setText(hint, hintFor(state));
    setAttribute(service, "data-at", state.service.at);
    setText(service, serviceLine(state));
  };
}

function serviceLine({ service }: State): string {
  switch (service.at) {
    case "connecting":
      return "Looking for the server …";
    case "down":
      return "No server";
    case "locked":
      return "The server asks for a token";
    case "ready":
      return `Server ready, ${service.facts.model}`;
  }
}

function hintFor(state: State): string {
  const { service, keys, picture, run } = state;
  if (service.at === "connecting") return "Looking for the server …";
  if (service.at === "down") return "Waiting for the server.";
  if (service.at === "locked") return "Waiting for the token.";
  if (run.at === "running") return runningHint(state);
  const { id, input, keyBytes, requestBytes, responseBytes } = service.facts;
  const missing = service.offers.find((offer) => offer.id === id)?.missingKeyBytes ?? keyBytes;
  const each = `${bytes(requestBytes)} go out, ${bytes(responseBytes)} come back`;
  if (run.at === "idle" && run.note === "cancelled") {
    const more = keys.at === "unfinished" ? " What was uploaded is kept for the next try." : "";
    return `Cancelled.${more}`;
  }
  if (picture.at === "reading") return "Reading …";
  if (run.at === "done" && picture.at === "ready" && picture.drawn) {
    const { answer } = run;
    return `It looks like ${withArticle(answer.label)}, in ${duration(answer.seconds.total)}. Draw on, or clear the pad.`;
  }
  const first = picture.at === "ready" ? "" : `First, ${firstOf(input)}. `;
  switch (keys.at) {
    case "kept":
      return keys.since === null
        ? `${first}Keys are ready: ${each}.`
        : `${first}Your keys are kept from last time: ${each}.`;
    case "unfinished":
      return `${first}Part of your keys is on the server; the rest is sent first.`;
    case "partial":
      return `${first}This model needs ${bytes(missing)} of further keys, sent once. After that ${each}.`;
    default:
      return `${first}The first time, keys are made here and ${bytes(missing)} of them sent once. After that ${each}.`;
  }
}

function firstOf(input: ModelInput): string {
  if (isDrawable(input)) return "draw or choose a picture";
  return nounOf(input) === "numbers" ? "numbers" : "a picture";
}

function runningHint({ run }: State): string {
  if (run.at !== "running") return "";
  if (run.cancelling) return "Stopping, here and on the server.";
  if (run.goal === "forget") return "Deleting the keys, here and on the server.";
  if (run.pause !== null) {
    const why = run.pause.reason === "busy" ? "The server is full" : "The connection broke";
    const wait = Math.max(1, Math.round(run.pause.retryInSeconds));
    return `${why}. Next try in ${wait} s; nothing is lost.`;
  }
  if (run.renewing) return "The server no longer had your keys, so they are sent again.";
  if (run.step.at === "keys") {
    if (run.step.resumed) return "Going on with the upload where it stopped.";
    return "Only this once. You may leave and come back: the upload goes on where it stopped.";
  }
  if (run.step.at === "evaluating" || run.step.at === "queued") {
    return "The server is working on noise; what you gave and the key to it stay here.";
  }
  return "";
}
