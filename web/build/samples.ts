import { createReadStream, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { SAMPLES } from "../src/samples.ts";

/** Serves the sample pictures from the repository's `samples/` and copies them into the build. */
export function samples(folder: string): Plugin {
  return {
    name: "blindsight-samples",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const sample = SAMPLES.find(({ file }) => request.url?.endsWith(`/samples/${file}`));
        if (sample === undefined) return next();
        response.setHeader("Content-Type", "image/png");
        createReadStream(join(folder, sample.file)).pipe(response);
      });
    },
    generateBundle() {
      for (const { file } of SAMPLES) {
        const path = join(folder, file);
        if (!existsSync(path)) this.error(`sample picture missing: ${path}`);
        this.emitFile({ type: "asset", fileName: `samples/${file}`, source: readFileSync(path) });
      }
    },
  };
}
