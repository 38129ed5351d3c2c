import { defineConfig } from "vitest/config";

/** The page in headless Chromium, with the stand-in for the SDK: axe, keyboard, every state. */
export default defineConfig({
  test: {
    include: ["tests/page/**/*.test.ts"],
    globalSetup: "tests/page/build.ts",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
