// The page in Chromium, driven by what web/README.md promises to tests.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { FLAGS, chromiumPath } from "../../chromium/chromium.mjs";

/** Long enough for an evaluation on two busy cores. */
export const PATIENCE = 240_000;

/** A browser with a profile of its own, as one person has it. */
export class Visitor {
  #folder;
  #context;
  /** Complaints of the pages: nothing is expected. */
  complaints = [];
  #asked = [];

  /** Through a proxy, if there is one; with another program, and further flags, if need be. */
  static async arrive(proxy, { executablePath, args = [] } = {}) {
    const visitor = new Visitor();
    visitor.#folder = await mkdtemp(join(tmpdir(), "blindsight-profile-"));
    visitor.#context = await chromium.launchPersistentContext(visitor.#folder, {
      executablePath: executablePath ?? chromiumPath(chromium.executablePath()),
      args: [...FLAGS, ...args],
      proxy,
      viewport: { width: 1280, height: 1000 },
    });
    visitor.#context.setDefaultTimeout(PATIENCE);
    visitor.#context.on("request", (request) => visitor.#asked.push(request.url()));
    return visitor;
  }

  /** Opens the page in a new tab and waits until it reached the server. */
  async open(url) {
    const tab = await this.#context.newPage();
    tab.on("pageerror", (error) => this.complaints.push(String(error)));
    const page = new Page(tab);
    await tab.goto(url);
    return page;
  }

  /** Gives the site a cookie, as one that people log in to has. */
  async cookie(url) {
    await this.#context.addCookies([{ name: "session", value: "of-the-site", url }]);
  }

  /** Lets the pages of an origin store so many bytes and no more. */
  async limitStorage(page, origin, quotaSize) {
    const session = await this.#context.newCDPSession(page.tab);
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize });
  }

  /** Addresses outside an origin that pages and their workers asked for. */
  elsewhere(origin) {
    return this.#asked.filter((url) => new URL(url).origin !== origin);
  }

  async leave() {
    await this.#context.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** One tab with the page. */
export class Page {
  constructor(tab) {
    this.tab = tab;
  }

  byId(id) {
    return this.tab.getByTestId(id);
  }

  /** Waits until the page does one of these things. */
  async phase(...names) {
    const any = names.map((name) => `main[data-phase="${name}"]`).join(", ");
    await this.tab.locator(any).waitFor({ timeout: PATIENCE });
    return this.tab.locator("main").getAttribute("data-phase");
  }

  /** Gives it a file, as a person who chooses one. */
  async choose(file) {
    await this.byId("file").setInputFiles(file);
  }

  /** Presses the main button and waits for the label. */
  async classify() {
    await this.phase("ready", "done");
    await this.byId("classify").click();
    return this.answer();
  }

  /** Presses the button beside a problem. */
  async remedy() {
    await this.byId("remedy").click();
    await this.tab.locator('main:not([data-phase="failed"])').waitFor();
  }

  /** The label, once it is there. */
  async answer() {
    const end = await this.phase("done", "failed");
    if (end === "failed")
      throw new Error(`the page failed: ${await this.byId("problem").innerText()}`);
    return this.byId("label").getAttribute("data-label");
  }

  /** The ten scores that the page shows, in full. */
  async scores() {
    const rows = this.tab.locator("[data-score]");
    return rows.evaluateAll((all) => all.map((row) => Number(row.dataset.score)));
  }

  /** Every line of the ledger, the parts of uploads included. */
  async ledger() {
    for (const what of ["contract", "key-upload", "progress", "key-state"]) {
      const parts = this.byId(`ledger-parts-${what}`);
      if ((await parts.count()) > 0 && (await parts.getAttribute("aria-expanded")) === "false") {
        await parts.click();
      }
    }
    const rows = this.byId("ledger-entry");
    return rows.evaluateAll((all) => all.map((row) => ({ ...row.dataset })));
  }

  /** What the browser stores for the page, with the seed that only this origin can unseal. */
  async stored() {
    return this.tab.evaluate(async () => {
      const wait = (request) =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const databases = await indexedDB.databases();
      if (!databases.some(({ name }) => name === "blindsight")) return [];
      const database = await wait(indexedDB.open("blindsight"));
      const records = await wait(database.transaction("keys").objectStore("keys").getAll());
      database.close();
      return Promise.all(
        records.map(async ({ secret, identity, sets }) => {
          const { sealed, key } = secret;
          const label = new TextEncoder().encode("blindsight sealed seed");
          const name = Uint8Array.from(identity.match(/../g), (byte) => parseInt(byte, 16));
          const additionalData = new Uint8Array([...label, sealed[0], ...name]);
          const iv = sealed.slice(1, 13);
          const algorithm = { name: "AES-GCM", iv, additionalData };
          const seed = await crypto.subtle.decrypt(algorithm, key, sealed.slice(13));
          return {
            extractable: key.extractable,
            seed: [...new Uint8Array(seed)],
            sealed: [...sealed],
            sets,
          };
        }),
      );
    });
  }

  /** Bytes of memory of the page's heap and of all its workers, if the browser tells. */
  async memory() {
    return this.tab.evaluate(() => performance.memory?.usedJSHeapSize ?? null);
  }
}
