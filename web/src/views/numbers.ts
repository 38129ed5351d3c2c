/** Numbers as text, for models that read no pictures. Files come in as for pictures. */
import type { Controller } from "../controller.ts";
import { byId, setAttribute, setText } from "../dom.ts";
import { wishOf } from "../reads.ts";
import { isRunning, type State } from "../state.ts";

/** Milliseconds without a key after which a text is read. */
const PAUSE = 400;
/** What a text is called. */
const TEXT = "your text";

/**
 * Shows the field in the place of the pictures, and hears it. It is no `textarea`: some browsers look
 * for those, and ask their makers how to fill them in.
 */
export function numbersView(controller: Controller): (state: State) => void {
  const box = byId("numbers", HTMLElement);
  const frames = byId("frames", HTMLElement);
  const wish = byId("numbers-wish", HTMLElement);
  const field = byId("numbers-field", HTMLElement);
  const line = byId("numbers-line", HTMLElement);
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** The text that was taken last: what else is shown came from a file. */
  let taken = "";

  const empty = (): void => {
    taken = "";
    setText(field, "");
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      taken = field.innerText;
      if (taken.trim() === "") controller.clear();
      else void controller.choose(taken, TEXT);
    }, PAUSE);
  });

  return (state) => {
    const { service, picture } = state;
    const input = service.at === "ready" ? service.facts.input : null;
    const shown = input?.kind === "tensor";
    box.hidden = !shown;
    frames.hidden = shown;
    setEditable(field, shown && !isRunning(state));
    if (!shown) return empty();
    const count = input.channels * input.rows * input.columns;
    const order = "channels, rows, columns";
    const formats = "As JSON or CSV; a file may also be .npy.";
    setText(wish, `The model reads ${wishOf(input)} (${order}): ${count} in all. ${formats}`);
    setAttribute(field, "aria-invalid", String(picture.at === "unreadable"));
    if (picture.at === "ready") {
      setText(line, `${count} numbers read, from ${picture.name}.`);
      // What is shown in the field must not be taken for what will be sent.
      if (picture.name !== TEXT && field.innerText === taken) empty();
    } else setText(line, picture.at === "reading" ? "Reading …" : "");
  };
}

/** Text without any form; as HTML where a browser knows no other, of which the text alone is read. */
function setEditable(field: HTMLElement, editable: boolean): void {
  if (field.isContentEditable === editable) return;
  setAttribute(field, "contenteditable", editable ? "plaintext-only" : "false");
  if (editable && !field.isContentEditable) setAttribute(field, "contenteditable", "true");
  setAttribute(field, "aria-readonly", String(!editable));
}
