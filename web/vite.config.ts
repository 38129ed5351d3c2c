import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { moduleHash } from "./build/module-hash.ts";
import { samples } from "./build/samples.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** `--mode fake` swaps the SDK for a stand-in: for screenshots and page tests, never shipped. */
export default defineConfig(({ mode }) => ({
  // The page may be served under any path.
  base: "./",
  plugins: [samples(here("..")), moduleHash()],
  resolve: {
    alias: mode === "fake" ? [{ find: "./sdk/open", replacement: here("tests/fake/open.ts") }] : [],
  },
  build: {
    outDir: mode === "fake" ? "tests/page/out/dist" : "dist",
    emptyOutDir: true,
    target: "es2022",
    // The policy knows no data: addresses, so nothing is inlined.
    assetsInlineLimit: 0,
    // Vite's preload helper is only a workaround for old browsers.
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
}));
