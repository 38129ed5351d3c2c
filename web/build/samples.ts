import { createReadStream, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { SAMPLES } from "../src/samples.ts";

/** Serves the sample pictures from the repository and copies them into the build. */
export function samples(repository: string): Plugin {
  return {
    name: "blindsight-samples",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const sample = SAMPLES.find(({ file }) => request.url?.endsWith(`/samples/${file}`));
        if (sample === undefined) return next();
        response.setHeader("Content-Type", "image/png");
        createReadStream(join(repository, sample.source)).pipe(response);
      });
    },
    generateBundle() {
      for (const { file, source } of SAMPLES) {
        const path = join(repository, source);
        if (!existsSync(path)) this.error(`sample picture missing: ${path}`);
        this.emitFile({ type: "asset", fileName: `samples/${file}`, source: readFileSync(path) });
      }
    },
  };
}
