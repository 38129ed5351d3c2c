// What the browser forbids on the page: the policy under which the evaluator serves it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { api } from "./lib/tap.mjs";
import { settings } from "./lib/wait.mjs";
import { world } from "./lib/world.mjs";

const here = world();
/** Chromium 156 does not know this directive of the policy, and says so. */
const UNKNOWN = "Unrecognized Content-Security-Policy directive 'webrtc'.";

let page;
const said = [];

/** What becomes of an attempt: in a turn of the page's own, because debuggers are allowed more. */
const attempt = (name) =>
  page.tab.evaluate(
    (name) =>
      new Promise((resolve) =>
        setTimeout(() => {
          window.attempts[name]().then(
            () => resolve("done"),
            (error) => resolve(String(error)),
          );
        }),
      ),
    name,
  );

test(
  "the page works under it without a complaint, keys and workers included",
  settings,
  async () => {
    page = await here.visitor.open("about:blank");
    page.tab.on("console", (message) => said.push(message.text()));
    await page.tab.addInitScript(() => {
      window.attempts = {
        html: async () => void (document.body.innerHTML = "<img src=x onerror=alert(1)>"),
        adjacent: async () => document.body.insertAdjacentHTML("beforeend", "<img src=x>"),
        worker: async () => void new Worker("/assets/other.js"),
        url: async () => void new Worker(new URL("/assets/other.js", location.href)),
        script: async () => void (document.createElement("script").src = "/assets/other.js"),
        evaluated: async () => void window["ev" + "al"]("1"),
        // Whoever got in must not borrow the name of the policy either.
        policy: async () => void window.trustedTypes.createPolicy("blindsight-worker", {}),
        other: async () => void window.trustedTypes.createPolicy("default", {}),
        fetch: async () => void (await fetch("http://127.0.0.1:9/")),
      };
    });
    await here.visitor.cookie(here.evaluator.url);
    await page.tab.goto(here.evaluator.url);
    await page.phase("waiting");
    await page.byId("sample-cat").click();
    await page.phase("ready");
    await page.byId("classify").click();
    // Keys are made in workers, and sent.
    await page.phase("sending", "queued", "evaluating", "done");
    assert.deepEqual(
      said.filter((line) => line !== UNKNOWN),
      [],
    );
  },
);

test("no request to the service carries a cookie, though there is one", () => {
  const cookie = (request) => /^cookie\n/im.test(request.head);
  const wasm = here.tap.requests.filter(({ path }) => path.endsWith(".wasm"));
  const service = here.tap.requests.filter(api);
  assert.ok(wasm.length > 0 && service.some(({ method }) => method === "PATCH"));
  assert.deepEqual(
    [...service, ...wasm].filter(cookie).map(({ path }) => path),
    [],
  );
  assert.ok(here.tap.requests.some((request) => request.path === "/" && cookie(request)));
});

test("injected markup, scripts, workers and policies are refused", async () => {
  for (const [work, reason] of [
    ["html", /TrustedHTML/],
    ["adjacent", /TrustedHTML/],
    ["worker", /TrustedScriptURL/],
    ["url", /TrustedScriptURL/],
    ["script", /TrustedScriptURL/],
    ["evaluated", /EvalError|TrustedScript|unsafe-eval/],
    ["policy", /Policy .* (disallowed|already exists)/],
    ["other", /Policy .* disallowed/],
    ["fetch", /Failed to fetch/],
  ]) {
    assert.match(await attempt(work), reason, work);
  }
  assert.equal(await page.tab.locator("img[src=x]").count(), 0);
});
