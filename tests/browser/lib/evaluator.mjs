// The real evaluator as a process of its own, serving the real page.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const PROGRAM = process.env.BLINDSIGHT_EVALUATOR ?? join(target, "debug/blindsight-evaluator");
const PAGE = join(root, "web/dist");

/** An evaluator that can be stopped and started again on the same port with the same data. */
export class Evaluator {
  #data = "";
  #port = 0;
  /** What it listens on, and the command that runs others where that is. */
  #place = { command: [], address: "127.0.0.1" };
  #child = null;
  #log = "";

  /** A new one on a free port. */
  static start(...flags) {
    return Evaluator.startIn({ command: [], address: "127.0.0.1" }, ...flags);
  }

  /** The same at another address, run by another command. */
  static async startIn(place, ...flags) {
    for (const path of [PROGRAM, PAGE]) {
      if (!existsSync(path)) throw new Error(`${path} is missing: use "just test-browser"`);
    }
    const evaluator = new Evaluator();
    evaluator.#place = place;
    evaluator.#data = await mkdtemp(join(tmpdir(), "blindsight-browser-"));
    await evaluator.start(...flags);
    return evaluator;
  }

  /** `127.0.0.1:PORT`, as a rule. */
  get host() {
    return `${this.#place.address}:${this.#port}`;
  }

  /** The address of the page. */
  get url() {
    return `http://${this.host}`;
  }

  /** The end of the log: for the message of a test that failed. */
  get log() {
    return this.#log;
  }

  /** Starts the process. */
  async start(...flags) {
    const words = ["serve", "--listen", this.host, "--data", this.#data, "--web", PAGE, ...flags];
    const [program, ...all] = [...this.#place.command, PROGRAM, ...words];
    const child = spawn(program, all, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    child.stderr.on("data", (chunk) => (this.#log = (this.#log + chunk).slice(-20_000)));
    const url = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) =>
        reject(new Error(`the evaluator ended (${code}): ${this.#log}`)),
      );
      createInterface({ input: child.stdout }).on("line", (line) => {
        const found = /^listening on (http:\/\/\S+)$/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
    });
    this.#port = Number(new URL(url).port);
  }

  /** Ends the process; its data stay. */
  async stop(signal = "SIGTERM") {
    const child = this.#child;
    if (child === null || child.exitCode !== null) return;
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.kill(signal);
    await closed;
  }

  /** Starts again without any of its data: all keys and jobs are lost. */
  async restartEmpty() {
    await this.stop("SIGKILL");
    await rm(this.#data, { recursive: true });
    await mkdir(this.#data);
    await this.start();
  }

  /** Ends the process and deletes its data. */
  async remove() {
    await this.stop("SIGKILL");
    await rm(this.#data, { recursive: true, force: true });
  }

  /** What the service says of itself. */
  async status() {
    return (await fetch(`${this.url}/v1/status`)).json();
  }
}
