import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A camera that shows a test picture, and asks nobody.
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
];

/** Debian's Chromium, headless; another one by the environment variable CHROMIUM. */
export async function launch(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) throw new Error(`no Chromium at ${CHROMIUM}: set CHROMIUM`);
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}
