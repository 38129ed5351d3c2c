// The Chromium that tests drive: which one, and with what flags.
import { existsSync } from "node:fs";

/** Headless in a container, and quiet: no service of its own is asked for anything. */
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where Debian's package puts it. */
const INSTALLED = "/usr/bin/chromium";

/**
 * The path of Chromium: the environment variable CHROMIUM, else Debian's, else Playwright's own.
 *
 * `downloaded` is where Playwright would keep a Chromium of its own, `chromium.executablePath()`.
 * It comes from the caller because every folder of tests has its own Playwright.
 */
export function chromiumPath(downloaded, installed = INSTALLED) {
  const named = process.env.CHROMIUM;
  // Whoever names one wants no other.
  const places = named ? [named] : [installed, downloaded];
  const found = places.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Error(
    `no Chromium at ${places.join(" or ")}: install one, ` +
      "or set the environment variable CHROMIUM to its path",
  );
}
