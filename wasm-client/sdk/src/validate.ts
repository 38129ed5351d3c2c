import { BlindsightError } from "./errors.js";

/** The reading of something that a server or a storage said: everything is checked. */
export class Reader {
  readonly #value: unknown;
  readonly #path: string;

  /** Reads `value`; `path` names it in errors. */
  constructor(value: unknown, path: string) {
    this.#value = value;
    this.#path = path;
  }

  /** The reader of a field. */
  field(name: string): Reader {
    const object = this.#value;
    if (typeof object !== "object" || object === null) throw this.refusal("an object");
    const has = Object.prototype.hasOwnProperty.call(object, name);
    const value = has ? (object as Record<string, unknown>)[name] : undefined;
    return new Reader(value, `${this.#path}.${name}`);
  }

  /** The readers of an array's elements. */
  items(most: number): Reader[] {
    const array: unknown = this.#value;
    if (!Array.isArray(array) || array.length > most) {
      throw this.refusal(`a list of at most ${most} elements`);
    }
    return array.map((item: unknown, index) => new Reader(item, `${this.#path}[${index}]`));
  }

  /** A text of at most so many characters. */
  text(most = 500): string {
    if (typeof this.#value !== "string" || this.#value.length > most) {
      throw this.refusal(`a text of at most ${most} characters`);
    }
    return this.#value;
  }

  /** A text that fits a pattern. */
  match(pattern: RegExp): string {
    const text = this.text();
    if (!pattern.test(text)) throw this.refusal(`a text like ${pattern.source}`);
    return text;
  }

  /** A finite number in a range. */
  number(least: number, most: number): number {
    const value = this.#value;
    if (typeof value !== "number" || !(value >= least && value <= most)) {
      throw this.refusal(`a number from ${least} to ${most}`);
    }
    return value;
  }

  /** A whole number in a range. */
  integer(least: number, most: number): number {
    const value = this.number(least, most);
    if (!Number.isSafeInteger(value)) throw this.refusal("a whole number");
    return value;
  }

  /** Null or undefined, or whatever `read` makes of the rest. */
  optional<T>(read: (reader: Reader) => T): T | null {
    return this.#value === null || this.#value === undefined ? null : read(this);
  }

  /** One of these texts. */
  oneOf<T extends string>(...allowed: readonly T[]): T {
    const found = allowed.find((text) => text === this.#value);
    if (found === undefined) throw this.refusal(`one of ${allowed.join(", ")}`);
    return found;
  }

  /** The error that says what was expected. */
  refusal(expected: string): BlindsightError {
    return new BlindsightError("protocol", `the server's ${this.#path} is not ${expected}`);
  }
}

/** Identifiers and capabilities: nothing that could change a path or a header. */
export const IDENTIFIER = /^[A-Za-z0-9_-]{1,100}$/;
/** A SHA-256 in hexadecimal. */
export const SHA256 = /^[0-9a-f]{64}$/;

/** A header that is a whole number, or null. */
export function integerHeader(headers: Headers, name: string): number | null {
  const text = headers.get(name);
  if (text === null || !/^[0-9]{1,15}$/.test(text)) return null;
  return Number(text);
}
