import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { SAMPLES } from "../src/samples.ts";

const dist = fileURLToPath(new URL("../dist", import.meta.url));

/** Limits in bytes after gzip. */
const SCRIPT_LIMIT = 150_000;
const STYLE_LIMIT = 10_000;

function files(): string[] {
  if (!existsSync(dist)) throw new Error("no dist/: run `npm run build` before the tests");
  return readdirSync(dist, { recursive: true, encoding: "utf8" });
}

function packed(extension: string): number {
  return files()
    .filter((file) => extname(file) === extension)
    .reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file)), { level: 9 }).length, 0);
}

it("keeps scripts, workers included, under 150 kB gzipped", () => {
  const size = packed(".js");
  expect(size).toBeGreaterThan(1000);
  expect(size).toBeLessThan(SCRIPT_LIMIT);
});

it("keeps style sheets small", () => {
  expect(packed(".css")).toBeLessThan(STYLE_LIMIT);
});

it("ships the samples and no source map", () => {
  const all = files();
  for (const { file } of SAMPLES) expect(all).toContain(join("samples", file));
  expect(all.filter((file) => file.endsWith(".map"))).toEqual([]);
});

it("ships the client: its module and its worker", () => {
  const all = files();
  expect(all.filter((file) => extname(file) === ".wasm")).toHaveLength(1);
  expect(all.filter((file) => /worker.*\.js$/.test(file))).toHaveLength(1);
});

it("shows the hash of the module that it ships", () => {
  const [module] = files().filter((file) => extname(file) === ".wasm");
  const bytes = readFileSync(join(dist, module ?? ""));
  const html = readFileSync(join(dist, "index.html"), "utf8");
  const shown = /data-testid="module-sha256">([^<]*)</.exec(html)?.[1];
  expect(shown).toBe(createHash("sha256").update(bytes).digest("hex"));
});

it("has nothing inline that the policy forbids, and names no other host", () => {
  const html = readFileSync(join(dist, "index.html"), "utf8");
  expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:|data:/i);
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/i);
  expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//i);
});

it("ships the real SDK, not the stand-in of the page tests", () => {
  const scripts = files().filter((file) => extname(file) === ".js");
  for (const file of scripts) {
    expect(readFileSync(join(dist, file), "utf8")).not.toContain("0b7c9d2e4f6a8b1c");
  }
});
