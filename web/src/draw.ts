/** Pictures and bytes on canvases. */

/** Pixels a side of every drawing of bytes. */
export const SIDE = 32;

/** Draws an image over a whole canvas. */
export function drawImage(canvas: HTMLCanvasElement, image: ImageData): void {
  canvas.width = image.width;
  canvas.height = image.height;
  context(canvas).putImageData(image, 0, 0);
}

/**
 * Draws bytes as pixels of red, green and blue, row by row, so that a ciphertext and a picture are
 * drawn in the same way. What is missing stays clear.
 */
export function drawBytes(canvas: HTMLCanvasElement, data: Uint8Array, rows = SIDE): void {
  const side = data.length >= SIDE * SIDE * 3 ? SIDE : Math.floor(Math.sqrt(data.length / 3));
  if (side === 0) return clear(canvas);
  const image = new ImageData(side, side);
  const pixels = Math.min(side * side, Math.ceil((rows / SIDE) * side) * side);
  for (let i = 0; i < pixels; i++) {
    image.data.set([data[3 * i] ?? 0, data[3 * i + 1] ?? 0, data[3 * i + 2] ?? 0, 255], 4 * i);
  }
  drawImage(canvas, image);
}

/** Lets the rows appear one after the other, unless the person prefers no motion. */
export function unrollBytes(canvas: HTMLCanvasElement, data: Uint8Array): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return drawBytes(canvas, data);
  const start = performance.now();
  const frame = (now: number): void => {
    const rows = Math.ceil(((now - start) / 700) * SIDE);
    drawBytes(canvas, data, Math.max(1, Math.min(rows, SIDE)));
    if (rows < SIDE) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** Draws a picture: as many rows as columns, each pixel red, green, blue. */
export function drawPixels(canvas: HTMLCanvasElement, rgb: Uint8Array, side: number): void {
  const image = new ImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    image.data.set([rgb[3 * i] ?? 0, rgb[3 * i + 1] ?? 0, rgb[3 * i + 2] ?? 0, 255], 4 * i);
  }
  drawImage(canvas, image);
}

/** Empties a canvas. */
export function clear(canvas: HTMLCanvasElement): void {
  context(canvas).clearRect(0, 0, canvas.width, canvas.height);
}

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = canvas.getContext("2d");
  if (found === null) throw new Error("this browser draws no canvas");
  return found;
}
