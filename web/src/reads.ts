/** What models read: in words, and what may come in for them. */
import { DIGIT_SIDE, Drawing } from "./digit.ts";
import type { ModelInput, Source } from "./sdk/port.ts";

/** Whether a drawing may be made for it: pictures in grey of the size that digits have. */
export function isDrawable({ kind, rows, columns }: ModelInput): boolean {
  return kind === "grey" && rows === DIGIT_SIDE && columns === DIGIT_SIDE;
}

/** What one input is called. */
export function nounOf({ kind }: ModelInput): "picture" | "numbers" {
  return kind === "tensor" ? "numbers" : "picture";
}

/** "photo, 32 × 32", "grey picture, 28 × 28", "3 × 8 × 8 numbers". */
export function wishOf({ kind, channels, rows, columns }: ModelInput): string {
  switch (kind) {
    case "photo":
      return `photo, ${columns} × ${rows}`;
    case "grey":
      return `grey picture, ${columns} × ${rows}`;
    case "tensor":
      return `${channels} × ${rows} × ${columns} numbers`;
  }
}

/** Whether what came in for one model may stay when another is chosen. */
export function maySwitch(source: Source, from: ModelInput, to: ModelInput): boolean {
  if (nounOf(from) !== nounOf(to)) return false;
  return !(source instanceof Drawing) || isDrawable(to);
}
