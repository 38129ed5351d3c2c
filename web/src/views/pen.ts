/** A pen on a canvas: what it hears, and what it leaves for the eye. */
import { clear } from "../draw.ts";
import { digitOf, Drawing, type Point } from "../digit.ts";

/** Width of the line, as a part of the pad. */
const LINE = 0.07;

/** What a pad does beside drawing. */
export interface Around {
  /** Whether a stroke may begin. */
  begin(): boolean;
  end(): void;
}

/** What was drawn on a pad. */
export class Strokes {
  readonly #pad: HTMLCanvasElement;
  #strokes: Point[][] = [];

  constructor(pad: HTMLCanvasElement, around: Around) {
    this.#pad = pad;
    hearPen(pad, {
      begin: (point) => {
        if (!around.begin()) return false;
        this.#strokes.push([point]);
        line(pad, point, point);
        return true;
      },
      move: (point) => {
        const stroke = this.#strokes.at(-1);
        const last = stroke?.at(-1);
        if (stroke === undefined || last === undefined) return;
        stroke.push(point);
        line(pad, last, point);
      },
      end: () => around.end(),
    });
  }

  get isEmpty(): boolean {
    return this.#strokes.length === 0;
  }

  /** The drawing, as the network will read it. */
  drawing(): Drawing | null {
    const digit = digitOf(this.#strokes);
    return digit === null ? null : new Drawing(digit);
  }

  /** Wipes the pad. */
  empty(): void {
    this.#strokes = [];
    clear(this.#pad);
  }
}

/** What becomes of strokes. */
interface Pen {
  /** Whether a stroke may begin. */
  begin(point: Point): boolean;
  move(point: Point): void;
  end(): void;
}

/** One pointer at a time: a second finger is no second pen. */
function hearPen(pad: HTMLCanvasElement, pen: Pen): void {
  let down: number | null = null;
  const place = (event: PointerEvent): Point => {
    const box = pad.getBoundingClientRect();
    const part = (at: number, size: number): number => Math.min(1, Math.max(0, at / size));
    return {
      x: part(event.clientX - box.left, box.width),
      y: part(event.clientY - box.top, box.height),
    };
  };
  pad.addEventListener("pointerdown", (event) => {
    if (down !== null || event.button !== 0 || !pen.begin(place(event))) return;
    event.preventDefault();
    down = event.pointerId;
    // A stroke goes on where it leaves the pad.
    pad.setPointerCapture(event.pointerId);
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== down) return;
    const all = event.getCoalescedEvents();
    for (const each of all.length > 0 ? all : [event]) pen.move(place(each));
  });
  for (const end of ["pointerup", "pointercancel"] as const) {
    pad.addEventListener(end, (event) => {
      if (event.pointerId !== down) return;
      down = null;
      pen.end();
    });
  }
}

/** Words in the middle, darker than any line. */
export function write(pad: HTMLCanvasElement, words: string): void {
  const context = pad.getContext("2d");
  if (context === null) return;
  clear(pad);
  context.fillStyle = "#7a7a7a";
  context.font = `${pad.width / 14}px ${getComputedStyle(document.body).fontFamily}`;
  context.textAlign = "center";
  context.fillText(words, pad.width / 2, pad.height / 2);
}

/** A line for the eye: what the network reads is made from the points. */
function line(pad: HTMLCanvasElement, from: Point, to: Point): void {
  const context = pad.getContext("2d");
  if (context === null) return;
  const side = pad.width;
  context.strokeStyle = "white";
  context.lineWidth = LINE * side;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  context.moveTo(from.x * side, from.y * side);
  context.lineTo(to.x * side, to.y * side);
  context.stroke();
}
