import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** Stands in `index.html` where the hash belongs. */
const PLACE = "MODULE_SHA256";

/**
 * Writes the SHA-256 of the WebAssembly module into the page: of the very file that is served, so
 * that people can compare it with one that they built themselves.
 */
export function moduleHash(): Plugin {
  return {
    name: "blindsight-module-hash",
    transformIndexHtml: (html, { server }) => (server ? html.replace(PLACE, "not built") : html),
    writeBundle({ dir }) {
      if (dir === undefined) this.error("no folder to write to");
      const files = readdirSync(dir, { recursive: true, encoding: "utf8" });
      const hashes = files
        .filter((file) => file.endsWith(".wasm"))
        .map((file) =>
          createHash("sha256")
            .update(readFileSync(join(dir, file)))
            .digest("hex"),
        );
      if (hashes.length > 1) this.error("more than one module");
      const page = join(dir, "index.html");
      const html = readFileSync(page, "utf8");
      if (!html.includes(PLACE)) this.error(`index.html has no place for the module's hash`);
      // The page of the tests has a stand-in instead of a module.
      writeFileSync(page, html.replace(PLACE, hashes[0] ?? "no module"));
    },
  };
}
