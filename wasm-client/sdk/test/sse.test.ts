import { describe, expect, test } from "vitest";

import { EventParser } from "../src/http/sse.js";

const STREAM =
  '\uFEFF: heartbeat\n\nid: 1\nevent: job\ndata: {"a":1}\n\r\nretry: 1500\rdata:two\r' +
  "data: lines\r\rid: 2\ndata\n\nevent: ignored\n\ndata: é\r\n\r\n";

const EVENTS = [
  { event: "job", data: '{"a":1}', id: "1" },
  { event: "message", data: "two\nlines", id: "1" },
  { event: "message", data: "", id: "2" },
  { event: "message", data: "é", id: "2" },
];

describe("event streams", () => {
  test("are parsed however they are cut", () => {
    const bytes = new TextEncoder().encode(STREAM);
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const parser = new EventParser();
      const events = [];
      for (let at = 0; at < bytes.length; at += size) {
        events.push(...parser.push(bytes.subarray(at, at + size)));
      }
      expect(events, `pieces of ${size}`).toEqual(EVENTS);
    }
  });

  test("that never end a line or an event are refused", () => {
    const long = new TextEncoder().encode("x".repeat(40_000));
    const parser = new EventParser();
    parser.push(long);
    expect(() => parser.push(long)).toThrow(/too long/);
    const many = new EventParser();
    const line = new TextEncoder().encode(`data: ${"x".repeat(30_000)}\n`);
    many.push(line);
    many.push(line);
    expect(() => many.push(line)).toThrow(/too long/);
  });
});
