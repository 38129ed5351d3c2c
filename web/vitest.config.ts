import { defineConfig } from "vitest/config";

/** The quick tests: no browser, no server. */
export default defineConfig({
  test: { include: ["src/**/*.test.ts", "build/**/*.test.ts", "tests/*.test.ts"] },
});
