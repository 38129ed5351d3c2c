// What can be found in the memory of the real module, and what must not be.
import { createCipheriv, createHmac, hkdfSync, webcrypto } from "node:crypto";

import type { Description } from "../src/generated.js";

/** Bytes to look for, by what they would reveal. */
export type Needles = Record<string, Uint8Array[]>;

/** How often the needles of each kind stand in the memory, wherever they begin. */
export function hits(memory: WebAssembly.Memory, needles: Needles): Record<string, number> {
  const found = Object.fromEntries(Object.keys(needles).map((kind) => [kind, 0]));
  // Each needle is known by the first of its words that is not zero.
  const known = new Map<number, { kind: string; needle: Buffer; before: number }[]>();
  for (const [kind, list] of Object.entries(needles)) {
    for (const needle of list.map((each) => Buffer.from(each))) {
      let before = 0;
      while (before + 8 <= needle.length && needle.readUInt32LE(before) === 0) before += 4;
      const word = needle.readUInt32LE(before);
      if (word === 0) throw new Error("there are zeros everywhere");
      known.set(word, [...(known.get(word) ?? []), { kind, needle, before }]);
    }
  }
  // Most words are told from all of these by half of their bits.
  const maybe = new Uint8Array(1 << 16);
  for (const word of known.keys()) maybe[word & 0xffff] = 1;
  for (let shift = 0; shift < 4; shift += 1) {
    const bytes = Buffer.from(memory.buffer.slice(shift, memory.buffer.byteLength - 4 + shift));
    const words = new Uint32Array(bytes.buffer);
    for (let at = 0; at < words.length; at += 1) {
      const word = words[at] ?? 0;
      if (word === 0 || maybe[word & 0xffff] === 0) continue;
      for (const { kind, needle, before } of known.get(word) ?? []) {
        const start = 4 * at - before;
        if (start < 0 || start + needle.length > bytes.length) continue;
        const same = needle.compare(bytes, start, start + needle.length) === 0;
        if (same) found[kind] = (found[kind] ?? 0) + 1;
      }
    }
  }
  return found;
}

/** Pieces of values as they lie in memory. */
export function pieces(values: ArrayBufferView, length: number): Uint8Array[] {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const count = Math.floor(bytes.length / length);
  return Array.from({ length: count }, (_, at) => bytes.slice(at * length, (at + 1) * length));
}

/** The ring degree of the sample contract. */
const DEGREE = 2 ** 15;

/** The secrets that follow from a seed: the derivation once more, from its description alone. */
export function secretsOf(seed: Uint8Array, said: Description, version: number) {
  const streamKey = (purpose: number) => {
    const info = Buffer.alloc(4 + 32 + 1 + 32);
    info.writeUInt32LE(version, 0);
    info.set(Buffer.from(said.scheme, "hex"), 4);
    info[36] = purpose;
    return new Uint8Array(hkdfSync("sha256", seed, "blindsight client seed", info, 32));
  };
  const stream = (key: Uint8Array) =>
    createCipheriv("chacha20", key, Buffer.alloc(16)).update(Buffer.alloc(1 << 20));
  const keys = [streamKey(1), streamKey(2)] as const;
  return {
    dense: dense(stream(keys[0]), DEGREE),
    sparse: sparse(stream(keys[1]), DEGREE, 28),
    /** All from which the rest follows. */
    keys: [createHmac("sha256", "blindsight client seed").update(seed).digest(), ...keys],
  };
}

/** Two bits a coefficient: 0, 1, 2 are -1, 0, 1, and 3 is drawn again. */
function dense(stream: Buffer, degree: number): Int8Array {
  const secret = new Int8Array(degree);
  let done = 0;
  for (let at = 0; done < degree; at += 1) {
    for (let shift = 0; shift < 8 && done < degree; shift += 2) {
      const field = ((stream[at] ?? 0) >> shift) & 3;
      if (field !== 3) secret[done++] = field - 1;
    }
  }
  return secret;
}

/** Selection sampling: with r of m places still to fill, the next one is filled with odds r/m. */
function sparse(stream: Buffer, degree: number, weight: number): Int8Array {
  const secret = new Int8Array(degree);
  let at = 0;
  let missing = weight;
  for (let index = 0; index < degree; index += 1) {
    const bound = degree - index;
    const mask = 2 ** Math.ceil(Math.log2(bound)) - 1;
    for (;;) {
      const word = stream.readBigUInt64LE(at);
      at += 8;
      const draw = Number(word & BigInt(mask));
      if (draw >= bound) continue;
      if (draw < missing) {
        missing -= 1;
        secret[index] = word >> 63n ? -1 : 1;
      }
      break;
    }
  }
  return secret;
}

/** Coefficients in a row that give the secret away. */
const WINDOW = 32;

/**
 * Places where 32 or more coefficients of the secret stand in a row: as bytes, or as residues of 32
 * or 64 bits, whatever the prime.
 */
export function secretWindows(memory: WebAssembly.Memory, secret: Int8Array): number {
  const known = new Set<string>();
  for (let at = 0; at + WINDOW <= secret.length; at += 1) {
    known.add(secret.subarray(at, at + WINDOW).join());
  }
  const { buffer } = memory;
  const bytes = new Int8Array(buffer);
  const words = new Uint32Array(buffer);
  const asByte = (at: number) => bytes[at] ?? NaN;
  // A residue modulo a narrow prime: -1 is one less than the prime, which is more than a million.
  const narrow = (at: number) => ternary(words[at] ?? NaN, 0);
  const wide = (offset: number) => (at: number) =>
    ternary(words[2 * at + offset] ?? NaN, words[2 * at + offset + 1] ?? NaN);
  return (
    runs(bytes.length, asByte, known) +
    runs(words.length, narrow, known) +
    runs(words.length >> 1, wide(0), known) +
    runs((words.length >> 1) - 1, wide(1), known)
  );
}

function ternary(low: number, high: number): number {
  if (high === 0 && low <= 1) return low;
  return high !== 0 || low > 100_000 ? -1 : NaN;
}

/** Windows with some weight among runs of -1, 0 and 1. */
function runs(length: number, value: (at: number) => number, known: Set<string>): number {
  let found = 0;
  let run = 0;
  let weight = 0;
  for (let at = 0; at < length; at += 1) {
    const next = value(at);
    if (next !== 0 && next !== 1 && next !== -1) {
      run = 0;
      weight = 0;
      continue;
    }
    run += 1;
    weight += Math.abs(next);
    if (run > WINDOW) weight -= Math.abs(value(at - WINDOW));
    // What is nearly all zero is everywhere; what is nearly all -1 is any other data.
    if (run < WINDOW || weight <= 8 || weight >= 31) continue;
    const window = Array.from({ length: WINDOW }, (_, place) => value(at - WINDOW + 1 + place));
    if (known.has(window.join())) found += 1;
  }
  return found;
}

/** From the first to the last of some nonzero coefficients in a row of the sparse secret. */
export function sparsePieces(secret: Int8Array): Uint8Array[] {
  const places = [...secret.keys()].filter((at) => secret[at] !== 0);
  return places.slice(0, -3).map((first, index) => {
    const last = places[index + 3] ?? first;
    return new Uint8Array(secret.slice(first, last + 1).buffer);
  });
}

/** A seed as the module seals it, under a key of our own. */
export async function sealed(seed: Uint8Array, said: Description) {
  const { subtle } = webcrypto;
  const key = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
  const iv = webcrypto.getRandomValues(new Uint8Array(12));
  const additionalData = Buffer.concat([
    Buffer.from("blindsight sealed seed"),
    Buffer.from([1]),
    Buffer.from(said.identity, "hex"),
  ]);
  const encrypted = await subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, seed);
  return {
    sealed: new Uint8Array(Buffer.concat([Buffer.from([1]), iv, Buffer.from(encrypted)])),
    key,
  };
}

/** An answer whose second half is zero: anybody can read it, and it decrypts to `coefficients`. */
export function openAnswer(said: Description, coefficients: number[], scale: number): Uint8Array {
  const bits = 22;
  const half = (count: number) => Math.ceil((count * bits) / 8);
  const payload = Buffer.alloc(13 + half(coefficients.length) + half(DEGREE));
  payload[0] = bits;
  payload.writeUInt32LE(coefficients.length / 2, 1);
  payload.writeDoubleLE(scale, 5);
  const packed = coefficients.reduceRight((all, each) => (all << BigInt(bits)) | BigInt(each), 0n);
  for (let at = 0, rest = packed; rest > 0n; at += 1, rest >>= 8n) {
    payload[13 + at] = Number(rest & 255n);
  }
  const header = Buffer.alloc(51);
  header.write("BSGT");
  header.writeUInt16LE(2, 4);
  header[6] = 5;
  header.set(Buffer.from(said.scheme, "hex"), 7);
  header.writeBigUInt64LE(BigInt(payload.length), 39);
  header.writeUInt32LE(crc32(header.subarray(0, 47), payload), 47);
  return new Uint8Array(Buffer.concat([header, payload]));
}

function crc32(...parts: Uint8Array[]): number {
  let crc = ~0;
  for (const part of parts) {
    for (const byte of part) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}
