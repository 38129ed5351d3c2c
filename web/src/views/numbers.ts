/** Numbers as text, for models that read no pictures. Files come in as for pictures. */
import type { Controller } from "../controller.ts";
import { byId, setAttribute, setText } from "../dom.ts";
import { wishOf } from "../reads.ts";
import { isRunning, type State } from "../state.ts";

/** Milliseconds without a key after which a text is read. */
const PAUSE = 400;

/** Shows the field in the place of the pictures, and hears it. */
export function numbersView(controller: Controller): (state: State) => void {
  const box = byId("numbers", HTMLElement);
  const frames = byId("frames", HTMLElement);
  const wish = byId("numbers-wish", HTMLElement);
  const field = byId("numbers-field", HTMLTextAreaElement);
  const line = byId("numbers-line", HTMLElement);
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** The text that was taken last: what else is shown came from a file. */
  let taken = "";

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      taken = field.value;
      if (taken.trim() === "") controller.clear();
      else void controller.choose(taken, "your text");
    }, PAUSE);
  });

  return (state) => {
    const { service, picture } = state;
    const input = service.at === "ready" ? service.facts.input : null;
    const shown = input?.kind === "tensor";
    box.hidden = !shown;
    frames.hidden = shown;
    field.readOnly = isRunning(state);
    if (!shown) {
      field.value = "";
      taken = "";
      return;
    }
    const count = input.channels * input.rows * input.columns;
    const order = "channels, rows, columns";
    setText(wish, `The model reads ${wishOf(input)} (${order}): ${count} in all.`);
    setAttribute(field, "aria-invalid", String(picture.at === "unreadable"));
    if (picture.at === "ready") {
      setText(line, `${count} numbers read, from ${picture.name}.`);
      // What is shown in the field must not be taken for what will be sent.
      if (picture.name !== "your text" && field.value === taken) field.value = taken = "";
    } else setText(line, picture.at === "reading" ? "Reading …" : "");
  };
}
