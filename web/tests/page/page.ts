import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launch } from "./browser.ts";
import { serve } from "./serve.ts";

const folder = fileURLToPath(new URL("out/dist", import.meta.url));

/** A browser and the built page on a port. */
export interface Stage {
  /** A fresh page, in a context of its own. */
  open(query: string, options?: BrowserContextOptions): Promise<Visit>;
  close(): Promise<void>;
}

/** A page and what went wrong in it. */
export interface Visit {
  readonly page: Page;
  /** Errors, warnings and breaches of the policy, as the console showed them. */
  readonly complaints: string[];
  /** Waits for a phase of the page, the value of `data-phase`. */
  phase(name: string): Promise<void>;
  /** Takes a sample and waits until it is shown. */
  sample(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts browser and server. */
export async function stage(): Promise<Stage> {
  const browser: Browser = await launch();
  const site = await serve(folder);
  return {
    async open(query, options = {}) {
      const context = await browser.newContext({ reducedMotion: "reduce", ...options });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") {
          complaints.push(message.text());
        }
      });
      await page.goto(`${site.url}/?${query}`);
      const phase = (name: string): Promise<void> =>
        page.locator(`main[data-phase="${name}"]`).waitFor({ timeout: 15_000 });
      return {
        page,
        complaints,
        phase,
        async sample(name) {
          await page.getByTestId(`sample-${name}`).click();
          await phase("ready");
        },
        close: () => context.close(),
      };
    },
    async close() {
      await browser.close();
      site.close();
    },
  };
}
