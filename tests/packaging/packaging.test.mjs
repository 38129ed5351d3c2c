// The packed package in the hands of those who use it: Vite, webpack, no bundler at all, Node.
// Needs `just sdk` and Chromium.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { chromium } from "playwright-core";

import { FLAGS, chromiumPath } from "../chromium/chromium.mjs";
import { FakeServer } from "../../wasm-client/sdk/test/fake-server.mjs";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const sdk = fileURLToPath(new URL("../../wasm-client/sdk/", import.meta.url));
const CONTRACT = new URL("../../crates/contract/tests/sample.json", import.meta.url);

/**
 * The policy of the real page, but for `webrtc`, of which Chromium 156 says that it does not know it.
 * webpack's name is that of the app's own configuration.
 */
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
  "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types blindsight-worker app-webpack";
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

let work = "";
let tarball = "";
/** A contract, and what the module says of it. */
let model;
let browser;

before(async () => {
  // Inside this folder, so that the apps find the bundlers.
  work = await mkdtemp(join(here, ".work-"));
  const packed = await run("npm", ["pack", "--json", "--silent", "--pack-destination", work], {
    cwd: sdk,
  });
  tarball = join(work, JSON.parse(packed.stdout)[0].filename);
  const wasm = await import(`${sdk}dist/wasm/blindsight_wasm.js`);
  wasm.initSync({
    module: await readFile(`${sdk}dist/wasm/blindsight_wasm_bg.wasm`),
  });
  const bytes = await readFile(CONTRACT);
  model = { bytes, description: wasm.Contract.parse(bytes).describe() };
  browser = await chromium.launch({
    executablePath: chromiumPath(chromium.executablePath()),
    args: FLAGS,
  });
});

after(async () => {
  await browser?.close();
  if (work) await rm(work, { recursive: true, force: true });
});

/** A copy of the app with the package installed from the tarball alone. */
async function install(name) {
  const app = join(work, name);
  await mkdir(app);
  await cp(join(here, "apps", name), app, { recursive: true });
  await cp(join(here, "apps/page.js"), join(app, "page.js"));
  await writeFile(
    join(app, "package.json"),
    JSON.stringify({ name, private: true, type: "module" }),
  );
  await run(
    "npm",
    ["install", "--offline", "--no-audit", "--no-fund", "--no-package-lock", tarball],
    { cwd: app },
  );
  const files = await readdir(join(app, "node_modules/blindsight/dist"));
  assert.ok(files.includes("browser.js") && !files.includes("test"));
  return app;
}

function fakeServer() {
  const server = new FakeServer(model);
  // The manifest of all keys, which is the only one here.
  server.manifestBytes = () => model.description.manifestBytes;
  return server;
}

/** Serves a folder beside the API, as one origin, under the policy. */
async function serve(folder) {
  const server = fakeServer();
  server.files = [];
  server.fault = async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
    if (path.startsWith("/v1/")) return false;
    server.files.push({ path, method: request.method, headers: request.headers });
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    const body = await readFile(file).catch(() => null);
    response.setHeader("Content-Security-Policy", POLICY);
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    // No favicon, no noise.
    response.writeHead(body ? 200 : path === "/favicon.ico" ? 204 : 404).end(body ?? "");
    return true;
  };
  return server.listen();
}

/** Visits the app twice: keys are made on the first visit and found on the second. */
async function visit(name, folder) {
  const server = await serve(folder);
  const context = await browser.newContext();
  try {
    const problems = [];
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith(server.url)) problems.push(`left the origin: ${request.url()}`);
    });
    await context.addCookies([{ name: "session", value: "of-the-site", url: server.url }]);
    await page.goto(server.url);
    const first = await page.evaluate(() => window.outcome);
    check(first, server);
    assert.equal(first.fresh, true);
    assertNoCookies(server);
    assert.ok(first.stages.includes("generating") && first.stages.includes("uploading"));

    await page.reload();
    const second = await page.evaluate(() => window.outcome);
    check(second, server);
    assert.equal(second.fresh, false);
    assert.ok(second.ledger.every(([what]) => what !== "key-upload"));
    assert.deepEqual(problems, []);
    report(name, first);
    return server;
  } finally {
    await context.close();
    await server.close();
  }
}

/** The site's files are the browser's business, but the package asks for nothing with a cookie. */
function assertNoCookies(server) {
  const wasm = server.files.filter(({ path }) => path.endsWith(".wasm"));
  assert.ok(wasm.length > 0);
  const all = [...server.requests, ...wasm];
  assert.ok(all.some(({ method, path }) => method === "PATCH" && path.startsWith("/v1/")));
  const withCookie = all.filter(({ headers }) => headers.cookie !== undefined);
  assert.deepEqual(
    withCookie.map(({ path }) => path),
    [],
  );
  // The page itself had it, so there was one to send.
  assert.ok(server.files.some(({ headers }) => /of-the-site/.test(headers.cookie ?? "")));
}

function check(outcome, server) {
  assert.equal(outcome?.failed, undefined);
  assert.equal(outcome.persisted, true);
  assert.equal(outcome.stored, true);
  const [upload] = [...server.uploads.values()];
  assert.equal(server.uploads.size, 1);
  const stored = createHash("sha256").update(Buffer.concat(upload.bytes)).digest("hex");
  assert.equal(outcome.sha256, stored);
  assert.equal(outcome.requestBytes, model.description.requestBytes);
  for (const [red, green, blue, side] of outcome.firstPixels) {
    assert.ok(Math.abs(red - 10) < 8 && Math.abs(green - 200) < 8 && Math.abs(blue - 30) < 8);
    assert.equal(side, 40);
  }
}

function report(name, { timings, encryptSeconds, longestPauseMilliseconds }) {
  const fixed = (seconds) => seconds.toFixed(2);
  console.log(
    `${name}: keys made in ${fixed(timings.generate)} s, all in ${fixed(timings.total)} s; ` +
      `encryption ${encryptSeconds.map(fixed).join(", ")} s; ` +
      `longest pause of the page's thread ${longestPauseMilliseconds.toFixed(0)} ms`,
  );
}

test("a Vite app", { timeout: 180_000 }, async () => {
  const app = await install("vite");
  const vite = await import("vite");
  await vite.build({ root: app, configFile: false, logLevel: "warn" });
  await visit("Vite", join(app, "dist"));
});

test("a webpack app", { timeout: 180_000 }, async () => {
  const app = await install("webpack");
  const { default: webpack } = await import("webpack");
  const bundler = webpack({
    context: app,
    mode: "production",
    entry: "./page.js",
    // Of webpack's own making, and so outside the package.
    output: { path: join(app, "dist"), trustedTypes: { policyName: "app-webpack" } },
  });
  const stats = await promisify(bundler.run.bind(bundler))();
  assert.equal(stats.hasErrors(), false, stats.toString());
  await cp(join(app, "index.html"), join(app, "dist/index.html"));
  await visit("webpack", join(app, "dist"));
});

test("a page without a bundler", { timeout: 180_000 }, async () => {
  const app = await install("plain");
  const page = await readFile(join(app, "page.js"), "utf8");
  const path = "/node_modules/blindsight/dist/browser.js";
  await writeFile(join(app, "page.js"), page.replace('"blindsight"', JSON.stringify(path)));
  await visit("no bundler", app);
});

test("a reload in the middle of the upload", { timeout: 180_000 }, async () => {
  const server = await serve(join(work, "plain"));
  const files = server.fault;
  const context = await browser.newContext();
  try {
    // The upload stands still after some keys.
    let reached;
    const middle = new Promise((resolve) => (reached = resolve));
    server.fault = async (request, response) => {
      const [upload] = server.uploads.values();
      if (request.method !== "PATCH" || upload.offset < 5_000_000) {
        return files(request, response, server);
      }
      reached();
      return true;
    };
    const page = await context.newPage();
    await page.goto(server.url);
    await middle;
    const [{ offset }] = server.uploads.values();
    server.fault = files;
    await page.reload();
    check(await page.evaluate(() => window.outcome), server);
    // The same upload, and nothing sent twice but what was under way.
    assert.equal(server.sent("POST", /uploads/).length, 1);
    const sent = server.sent("PATCH", /uploads/).reduce((sum, { body }) => sum + body.length, 0);
    assert.equal(sent, server.length);
    assert.ok(offset > 0);
  } finally {
    await context.close();
    await server.close();
  }
});

test("what an earlier release stored is deleted", { timeout: 180_000 }, async () => {
  const server = await serve(join(work, "plain"));
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    // Of this origin, but without the app.
    await page.goto(`${server.url}/page.js`);
    await page.evaluate(async () => {
      const done = (request) => new Promise((resolve) => (request.onsuccess = resolve));
      const opening = indexedDB.open("blindsight", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
      await done(opening);
      const table = opening.result.transaction("keys", "readwrite").objectStore("keys");
      await done(table.put({ version: 1, model: "fake-model" }, `${location.origin}/ fake-model`));
      opening.result.close();
    });
    await page.goto(server.url);
    const outcome = await page.evaluate(() => window.outcome);
    check(outcome, server);
    assert.equal(outcome.fresh, true);
    const kept = await page.evaluate(async () => {
      const done = (request) =>
        new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
      const database = await done(indexedDB.open("blindsight"));
      return done(database.transaction("keys").objectStore("keys").getAllKeys());
    });
    assert.deepEqual(kept, [`${server.url}/ ${model.description.scheme}`]);
  } finally {
    await context.close();
    await server.close();
  }
});

test("memory of the module", { timeout: 180_000 }, async () => {
  const app = join(work, "plain");
  const server = await serve(app);
  const page = await browser.newPage();
  try {
    await page.goto(`${server.url}/memory.html`);
    const found = await page.evaluate(() => window.memory);
    assert.equal(found.failed, undefined);
    const mebibytes = (bytes) => bytes / (1 << 20);
    console.log(
      `memory: ${mebibytes(found.afterKeys)} MiB after all keys, ${mebibytes(found.afterPhoto)} MiB ` +
        `after a photo of 25 megapixels (${found.photoSeconds.toFixed(2)} s)`,
    );
    assert.ok(mebibytes(found.afterKeys) < 128);
    assert.ok(mebibytes(found.afterPhoto) < 256);
  } finally {
    await page.close();
    await server.close();
  }
});

test("a Node script", { timeout: 180_000 }, async () => {
  const app = await install("node");
  const server = await fakeServer().listen();
  try {
    const { stdout } = await run(process.execPath, ["script.mjs", server.url], {
      cwd: app,
      timeout: 120_000,
    });
    const found = JSON.parse(stdout);
    const [upload] = [...server.uploads.values()];
    const stored = createHash("sha256").update(Buffer.concat(upload.bytes)).digest("hex");
    assert.deepEqual(found, {
      sha256: stored,
      persisted: false,
      requestBytes: model.description.requestBytes,
    });
  } finally {
    await server.close();
  }
});

test("types and metadata", { timeout: 180_000 }, async () => {
  const tool = (path) => join(sdk, "node_modules", path);
  await run(process.execPath, [tool("publint/src/cli.js"), "--strict"], {
    cwd: sdk,
  });
  const attw = tool("@arethetypeswrong/cli/dist/index.js");
  await run(process.execPath, [attw, tarball, "--profile", "esm-only"], {
    cwd: sdk,
  });
});
