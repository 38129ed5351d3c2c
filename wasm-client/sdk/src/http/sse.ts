import { BlindsightError } from "../errors.js";

/** One event of a stream. */
export interface ServerEvent {
  event: string;
  data: string;
  /** The last identifier so far, or null. */
  id: string | null;
}

/** Longest line and longest event accepted, in characters. */
const MOST_CHARACTERS = 1 << 16;

/** Parses an event stream (HTML standard, section 9.2.6), from chunks cut anywhere. */
export class EventParser {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #skipLineFeed = false;
  #first = true;
  #event = "";
  #data: string[] = [];
  #dataLength = 0;
  #id: string | null = null;

  /** The events that end in this chunk. */
  push(chunk: Uint8Array): ServerEvent[] {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (text === "") return [];
    if (this.#first) {
      text = text.replace(/^\uFEFF/, "");
      this.#first = false;
    }
    // A line feed that belongs to the carriage return before it.
    if (this.#skipLineFeed && text.startsWith("\n")) text = text.slice(1);
    this.#skipLineFeed = text.endsWith("\r");
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MOST_CHARACTERS) throw tooLong();
    const events: ServerEvent[] = [];
    for (const line of lines) {
      const event = this.#line(line);
      if (event) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerEvent | null {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    // A line that starts with a colon is a comment: the heartbeat.
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    else if (field === "data") this.#append(value);
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    // Its other field, `retry`, says less than our own pauses do.
    return null;
  }

  #append(value: string): void {
    this.#dataLength += value.length + 1;
    if (this.#dataLength > MOST_CHARACTERS) throw tooLong();
    this.#data.push(value);
  }

  #dispatch(): ServerEvent | null {
    const event = this.#event || "message";
    const data = this.#data.length > 0 ? this.#data.join("\n") : null;
    this.#event = "";
    this.#data = [];
    this.#dataLength = 0;
    return data === null ? null : { event, data, id: this.#id };
  }
}

function tooLong(): BlindsightError {
  return new BlindsightError("protocol", "the server sent an event that is too long");
}
