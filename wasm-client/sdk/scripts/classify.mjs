// Classifies a photo through the SDK, against an evaluator that it starts on a free port:
// `node classify.mjs [--model NAME] [--label-only] PHOTO`. Progress on stderr, one line of JSON on stdout.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { BlindsightError, Client } from "../dist/node.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const { photo, choice } = parsedArguments();

const say = (text) => process.stderr.write(`${text}\n`);
const seconds = (since) => (performance.now() - since) / 1000;
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());

try {
  await main();
} catch (error) {
  const known = error instanceof BlindsightError;
  say(`classify: ${known || error.expected ? error.message : error.stack}`);
  if (known) say(`(${error.code}; see ${error.docs})`);
  process.exitCode = 1;
}

function parsedArguments() {
  try {
    const options = { model: { type: "string" }, "label-only": { type: "boolean" } };
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const { model, "label-only": isLabelOnly = false } = values;
    const choice = { ...(model && { model }), ...(isLabelOnly && { answer: "label" }) };
    if (positionals.length === 1) return { photo: positionals[0], choice };
  } catch {
    // An option that does not exist: the line below says which do.
  }
  console.error("usage: node classify.mjs [--model NAME] [--label-only] PHOTO");
  process.exit(2);
}

async function main() {
  const file = await readFile(photo).catch((error) => {
    throw Object.assign(new Error(`${photo}: ${error.message}`), { expected: true });
  });
  const data = await mkdtemp(join(tmpdir(), "blindsight-"));
  const evaluator = start(data);
  try {
    const url = await evaluator.url;
    say(`evaluator at ${url}`);
    const began = performance.now();
    const report = await classify(url, file);
    report.seconds.total = seconds(began);
    console.log(JSON.stringify(report));
  } finally {
    await evaluator.stop();
    await rm(data, { recursive: true, force: true });
  }
}

async function classify(url, file) {
  const { signal } = stop;
  const client = await Client.connect(url, { signal });
  try {
    // What is no picture is refused before keys are made.
    await client.preview(file, { ...choice, signal });
    const keys = await client.keys({ ...choice, signal, onProgress: keyProgress() });
    const onProgress = classifyProgress();
    const result = await client.classify(file, { ...choice, keys, signal, onProgress });
    const status = await (await fetch(`${url}/v1/status`, { signal })).json();
    const { label, class: number, scores, seconds: took, bytes } = result;
    return {
      label,
      class: number,
      scores,
      model: keys.model,
      seconds: {
        keygen: keys.timings.generate,
        upload: keys.timings.upload,
        encrypt: took.prepare + took.encrypt,
        evaluate: took.evaluate,
        decrypt: took.decrypt,
        total: 0,
      },
      bytes: { evaluation_keys: keys.bytes, request: bytes.request, response: bytes.response },
      evaluator_peak_rss_bytes: status.peak_rss_bytes,
      threads: status.threads,
    };
  } finally {
    client.close();
  }
}

function keyProgress() {
  const state = { made: "", sent: "" };
  return line((event) => {
    if (event.stage === "generating") state.made = `${event.keysDone} of ${event.keysTotal} made`;
    else if (event.stage === "uploading")
      state.sent = `${(event.bytesSent / 1e6).toFixed(1)} MB sent`;
    else if (event.stage === "waiting") return `waiting ${event.retryInSeconds.toFixed(1)} s`;
    else if (event.stage !== "ready") return null;
    return `keys: ${[state.made, state.sent].filter(Boolean).join(", ")}`;
  }, "ready");
}

function classifyProgress() {
  return line((event) => {
    if (event.stage === "queued") return `queued, ${event.position} before`;
    if (event.stage !== "evaluating") return event.stage;
    const left = event.etaSeconds === null ? "" : `, ${event.etaSeconds.toFixed(0)} s left`;
    return `step ${event.step} of ${event.steps}${left}`;
  }, "done");
}

/** Rewrites one line on a terminal, prints changes otherwise. */
function line(describe, last) {
  const { isTTY } = process.stderr;
  let before = "";
  return (event) => {
    const text = describe(event);
    if (text === null || text === before) return;
    before = text;
    process.stderr.write(
      isTTY ? `\r\x1b[K${text}${event.stage === last ? "\n" : ""}` : `${text}\n`,
    );
  };
}

/** Starts the evaluator; `url` waits until it listens. */
function start(data) {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  const program = process.env.BLINDSIGHT_EVALUATOR ?? join(target, "release/blindsight-evaluator");
  const child = spawn(program, ["serve", "--listen", "127.0.0.1:0", "--data", data], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk) => (log = (log + chunk).slice(-4000)));
  const ended = new Promise((resolve) => {
    child.once("close", resolve);
    child.once("error", resolve);
  });
  const url = new Promise((resolve, reject) => {
    const fail = (message) => reject(Object.assign(new Error(message), { expected: true }));
    child.once("error", (error) => fail(`the evaluator cannot be started: ${error.message}`));
    void ended.then((code) => fail(`the evaluator ended (${code}):\n${log}`));
    createInterface({ input: child.stdout }).on("line", (text) => {
      const found = /^listening on (http:\/\/\S+)$/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    stop.signal.addEventListener("abort", () => fail("interrupted"), { once: true });
  });
  url.catch(() => undefined);
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      const patience = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(patience);
    },
  };
}
