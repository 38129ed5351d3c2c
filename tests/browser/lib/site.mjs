// Somebody else's site: a page with the SDK in it, of another origin than the evaluator.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".png": "image/png",
  ".wasm": "application/wasm",
};
const PAGE = `<!doctype html>
<title>Another site</title>
<script type="module">
  import { Client } from "/blindsight/browser.js";
  window.Client = Client;
</script>`;

export class Site {
  #server = createServer((request, response) => void this.#answer(request, response));

  static async open() {
    const site = new Site();
    await new Promise((resolve) => site.#server.listen(0, "127.0.0.1", resolve));
    return site;
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request, response) {
    const path = normalize(new URL(request.url, "http://x").pathname);
    const content = path === "/" ? PAGE : await readFile(file(path)).catch(() => null);
    response.setHeader("Content-Type", TYPES[extname(path)] ?? TYPES[".html"]);
    response.writeHead(content === null ? 404 : 200).end(content);
  }
}

/** The package as it is published, and the samples. */
const FOLDERS = { blindsight: "wasm-client/sdk/dist", samples: "samples" };

function file(path) {
  const [, top, ...below] = path.split("/");
  return join(root, FOLDERS[top] ?? "nowhere", ...below);
}
