/** The pad to draw on, for models that read grey pictures of the size of digits. */
import type { Controller } from "../controller.ts";
import { byId, setAttribute, setText } from "../dom.ts";
import { isDrawable } from "../reads.ts";
import { canDraw, type State } from "../state.ts";
import { Strokes, write } from "./pen.ts";

/** Milliseconds without a stroke after which a drawing is sent: many digits have two strokes. */
const PAUSE = 700;

/** Shows the pad, and hears the pen. */
export function padView(controller: Controller): (state: State) => void {
  const pad = byId("pad", HTMLCanvasElement);
  const square = byId("square", HTMLCanvasElement);
  const caption = byId("square-caption", HTMLElement);
  const clearing = byId("clear", HTMLButtonElement);
  const frames = byId("frames", HTMLElement);
  /** What is written on the pad while it is empty. */
  let written = "";
  let timer: ReturnType<typeof setTimeout> | undefined;

  const finish = (): void => {
    const drawing = strokes.drawing();
    if (drawing === null) return;
    const taken = controller.draw(drawing);
    clearTimeout(timer);
    timer = setTimeout(() => void taken.then(() => controller.classifyDrawing()), PAUSE);
  };
  const strokes = new Strokes(pad, {
    begin() {
      if (!canDraw(controller.state)) return false;
      clearTimeout(timer);
      // What is being asked has changed.
      void controller.interrupt();
      if (strokes.isEmpty) empty();
      return true;
    },
    end: finish,
  });
  const empty = (): void => {
    clearTimeout(timer);
    written = "";
    strokes.empty();
  };
  clearing.addEventListener("click", () => {
    empty();
    controller.clear();
  });

  return (state) => {
    const { service, picture } = state;
    const drawable = service.at === "ready" && isDrawable(service.facts.input);
    // A file that was chosen is shown in the place of the pad.
    const other = (picture.at === "ready" || picture.at === "reading") && !picture.drawn;
    // While the server cannot be reached, the drawing waits.
    if (!strokes.isEmpty && ((service.at === "ready" && !drawable) || other)) empty();
    const shown = drawable && !other;
    setAttribute(frames, "data-pad", String(shown));
    pad.hidden = !shown;
    square.hidden = shown;
    clearing.hidden = !drawable;
    setText(clearing, other ? "Draw instead" : "Clear");
    const digits =
      service.at === "ready" && service.facts.classes.every((name) => /^\d$/.test(name));
    const invitation = digits ? "Draw a digit here" : "Draw here";
    setText(caption, shown ? `${invitation}, or choose a picture` : "Yours, cropped square");
    if (shown) {
      if (strokes.isEmpty && written !== invitation) write(pad, (written = invitation));
      const label = `${invitation}, with a mouse, a pen or a finger; with a keyboard, choose a picture instead`;
      setAttribute(pad, "aria-label", label);
    }
  };
}
