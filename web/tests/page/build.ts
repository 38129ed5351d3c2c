import { build } from "vite";

/** Builds the page with the stand-in for the SDK, once for all page tests. */
export default async function setup(): Promise<void> {
  await build({ mode: "fake", logLevel: "warn" });
}
