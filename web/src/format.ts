/** Numbers as people read them. */

/** Bytes, decimal units, three digits at most: "385 kB". */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB"] as const;
  let value = count;
  let unit: string = "B";
  for (const name of units) {
    if (value < 999.5) break;
    value /= 1000;
    unit = name;
  }
  return `${value < 99.95 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)} ${unit}`;
}

/** A duration: "12 ms", "9.2 s", "3 min". */
export function duration(seconds: number): string {
  if (seconds < 0.0995) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

/** What is left, roughly: "about 20 s left". */
export function left(seconds: number): string {
  if (seconds < 1.5) return "about a second left";
  if (seconds < 90) return `about ${Math.round(seconds)} s left`;
  return `about ${Math.round(seconds / 60)} min left`;
}

/** Bytes as lines of hexadecimal pairs. */
export function hex(data: Uint8Array, perLine: number): string {
  const pairs = Array.from(data, (byte) => byte.toString(16).padStart(2, "0"));
  const lines: string[] = [];
  for (let i = 0; i < pairs.length; i += perLine) lines.push(pairs.slice(i, i + perLine).join(" "));
  return lines.join("\n");
}

/** A share of one, in percent; small ones are not rounded to nothing. */
export function percent(share: number): string {
  if (share < 0.0005) return "< 0.1 %";
  if (share > 0.9995) return "> 99.9 %";
  return `${(share * 100).toFixed(1)} %`;
}

/** "a cat", "an airplane", "an 8". */
export function withArticle(noun: string): string {
  return `${/^([aeiou8]|1[18]$)/i.test(noun) ? "an" : "a"} ${noun}`;
}

/** A day, as written where the person lives. */
export function day(date: Date): string {
  return date.toLocaleDateString(undefined, { day: "numeric", month: "long", year: "numeric" });
}

/** Scores as shares that sum to one (softmax). */
export function shares(scores: readonly number[]): number[] {
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Remaining seconds of something that runs evenly, from how far it is; null while unclear. */
export class Pace {
  #start: { readonly time: number; readonly at: number } | null = null;

  /** Takes a reading: `fraction` done at `now` (milliseconds). */
  left(fraction: number, now: number): number | null {
    if (this.#start === null || fraction < this.#start.at)
      this.#start = { time: now, at: fraction };
    const passed = (now - this.#start.time) / 1000;
    const done = fraction - this.#start.at;
    if (passed < 1 || done < 0.02) return null;
    return ((1 - fraction) / done) * passed;
  }

  /** Forgets all readings. */
  reset(): void {
    this.#start = null;
  }
}
