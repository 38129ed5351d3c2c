/**
 * From strokes on a pad to a picture as the digits of MNIST are: white on black, the longer side of
 * the strokes 20 pixels, the centre of mass in the middle of 28 x 28 pixels (LeCun et al., 1998).
 *
 * The strokes are drawn from their points and not read back from a canvas: some browsers change the
 * pixels that they hand out, so that pages cannot recognise them.
 */

/** A place on the pad: from 0 to 1, to the right and down. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where the pen went between two lifts; one point is a dot. */
export type Stroke = readonly Point[];

/** Rows and columns of the picture. */
export const DIGIT_SIDE = 28;
/** Rows and columns of the box that the strokes are scaled to. */
const BOX = 20;
/** Width of the pen in pixels of the picture: about that of MNIST. */
const PEN = 2.6;
/** Strokes smaller than this part of the pad stay small: a tap is a dot, not a disc. */
const SMALLEST = 0.15;

/** The brightness of each pixel, row by row, from 0 to 255. Null where nothing was drawn. */
export function digitOf(strokes: readonly Stroke[]): Uint8Array | null {
  const box = inBox(strokes);
  if (box === null) return null;
  const centre = centreOfMass(box);
  const [left, top] = [shiftTo(centre.x), shiftTo(centre.y)];
  const picture = new Uint8Array(DIGIT_SIDE * DIGIT_SIDE);
  for (let y = 0; y < BOX; y++) {
    for (let x = 0; x < BOX; x++) {
      picture[(y + top) * DIGIT_SIDE + x + left] = Math.round(255 * (box[y * BOX + x] ?? 0));
    }
  }
  return picture;
}

/** A drawing that is to be classified. */
export class Drawing {
  readonly #digit: Uint8Array;

  constructor(digit: Uint8Array) {
    this.#digit = digit;
  }

  /** The pixels as the SDK takes them: red, green, blue. */
  rgb(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: 3 * this.#digit.length }, (_, i) => {
      return this.#digit[Math.floor(i / 3)] ?? 0;
    });
  }
}

/** By whole pixels, as in MNIST, and no further than the picture goes. */
function shiftTo(centre: number): number {
  const shift = Math.round(DIGIT_SIDE / 2 - centre);
  return Math.min(DIGIT_SIDE - BOX, Math.max(0, shift));
}

/** The strokes in the middle of a box, from 0 to 1; null if there are none. */
function inBox(strokes: readonly Stroke[]): Float32Array | null {
  const points = strokes.flat();
  if (points.length === 0) return null;
  const [x, y] = [range(points.map((point) => point.x)), range(points.map((point) => point.y))];
  const scale = (BOX - PEN) / Math.max(x.length, y.length, SMALLEST);
  const place = (point: Point): Point => ({
    x: BOX / 2 + (point.x - x.middle) * scale,
    y: BOX / 2 + (point.y - y.middle) * scale,
  });
  const box = new Float32Array(BOX * BOX);
  for (const stroke of strokes) {
    const path = stroke.map(place);
    path.forEach((to, i) => mark(box, path[i - 1] ?? to, to));
  }
  return box;
}

/** Draws a line with a round pen; the edge falls off over one pixel. */
function mark(box: Float32Array, from: Point, to: Point): void {
  const reach = PEN / 2 + 0.5;
  const rows = touched(from.y, to.y, reach);
  const columns = touched(from.x, to.x, reach);
  for (let y = rows.first; y <= rows.last; y++) {
    for (let x = columns.first; x <= columns.last; x++) {
      const away = distance({ x: x + 0.5, y: y + 0.5 }, from, to);
      const value = Math.min(1, reach - away);
      const i = y * BOX + x;
      if (value > (box[i] ?? 0)) box[i] = value;
    }
  }
}

/** Pixels of the box that a line may touch, in one direction. */
function touched(from: number, to: number, reach: number): { first: number; last: number } {
  const first = Math.max(0, Math.floor(Math.min(from, to) - reach));
  const last = Math.min(BOX - 1, Math.ceil(Math.max(from, to) + reach));
  return { first, last };
}

/** How far a point is from a line between two others. */
function distance(point: Point, from: Point, to: Point): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const square = dx * dx + dy * dy;
  const along = square > 0 ? ((point.x - from.x) * dx + (point.y - from.y) * dy) / square : 0;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(point.x - from.x - t * dx, point.y - from.y - t * dy);
}

/** Where the ink of a box has its centre. */
function centreOfMass(box: Float32Array): Point {
  let [mass, x, y] = [0, 0, 0];
  box.forEach((value, i) => {
    mass += value;
    x += value * ((i % BOX) + 0.5);
    y += value * (Math.floor(i / BOX) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}

/** Strokes may have too many points to spread them into a call. */
function range(values: readonly number[]): { middle: number; length: number } {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  return { middle: (least + most) / 2, length: most - least };
}
