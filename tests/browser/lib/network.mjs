// Two machines on one wire, as Linux makes them up: the browser's, which reaches the other one and
// nothing else, and the evaluator's. What the browser's side tries to send anywhere is captured.
import { execFile, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { packetsOf } from "./packets.mjs";

const run = promisify(execFile);

/** Root's tcpdump becomes somebody else otherwise, who must not write the file. */
const KEEP = process.getuid?.() === 0 ? ["-Z", "root"] : [];

/** Addresses of the wire's ends, which are nobody's elsewhere: they exist in the namespaces alone. */
export const EVALUATOR = "10.213.77.1";
const BROWSER = "10.213.77.2";
const EVALUATOR6 = "fd5b:11d5::1";
const BROWSER6 = "fd5b:11d5::2";

/** Why there can be no such network here, or null. */
export function obstacle() {
  if (process.platform !== "linux") return "network namespaces are a thing of Linux";
  for (const tool of ["ip", "tcpdump"]) {
    const { error } = spawnSync(tool, ["--version"], { stdio: "ignore" });
    if (error) return `${tool} is missing (Debian: apt install iproute2 tcpdump)`;
  }
  const name = `bs-probe-${randomBytes(3).toString("hex")}`;
  const made = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (made.status !== 0) return `no network namespaces here: ${made.stderr.trim()}`;
  spawnSync("ip", ["netns", "del", name]);
  return null;
}

/** Whether a user without rights has all of them in namespaces of their own. */
export function mayUnshare() {
  const probe = "mount -t tmpfs none /run && ip netns add bs-probe";
  return spawnSync("unshare", [...UNSHARE, "sh", "-c", probe], { stdio: "ignore" }).status === 0;
}

/**
 * For `unshare`: all rights in new namespaces of users, networks and mounts, but under the own
 * number, because tcpdump tries to become somebody else where it is root's.
 */
export const UNSHARE = ["--user", "--map-current-user", "--keep-caps", "--net", "--mount"];

export class Network {
  #names = [];
  #folder = "";
  #capture = null;

  static async build() {
    const network = new Network();
    const tag = randomBytes(3).toString("hex");
    const [browser, evaluator] = [`bs-browser-${tag}`, `bs-evaluator-${tag}`];
    network.#folder = await mkdtemp(join(tmpdir(), "blindsight-network-"));
    for (const name of [browser, evaluator]) {
      await run("ip", ["netns", "add", name]);
      network.#names.push(name);
      await run("ip", ["-n", name, "link", "set", "lo", "up"]);
    }
    const [wire, far] = [`bs${tag}a`, `bs${tag}b`];
    const ends = ["netns", browser, "type", "veth", "peer", "name", far, "netns", evaluator];
    await run("ip", ["link", "add", wire, ...ends]);
    for (const [name, link, address, address6] of [
      [browser, wire, BROWSER, BROWSER6],
      [evaluator, far, EVALUATOR, EVALUATOR6],
    ]) {
      await run("ip", ["-n", name, "address", "add", `${address}/24`, "dev", link]);
      await run("ip", ["-n", name, "address", "add", `${address6}/64`, "dev", link, "nodad"]);
      await run("ip", ["-n", name, "link", "set", link, "up"]);
    }
    // Whatever is sent anywhere in the world shall become a packet. The other side forwards none.
    await run("ip", ["-n", browser, "route", "add", "default", "via", EVALUATOR]);
    await run("ip", ["-n", browser, "-6", "route", "add", "default", "via", EVALUATOR6]);
    return network;
  }

  /** The command that runs others on the evaluator's side. */
  get evaluatorSide() {
    return ["ip", "netns", "exec", this.#names[1]];
  }

  /** The command that runs others on the browser's side. */
  get browserSide() {
    return ["ip", "netns", "exec", this.#names[0]];
  }

  /** A program that is another one on the browser's side. */
  async wrapped(program) {
    const path = join(this.#folder, "browser");
    const quoted = [...this.browserSide, program].map((word) => `'${word}'`).join(" ");
    await writeFile(path, `#!/bin/sh\nexec ${quoted} "$@"\n`);
    await chmod(path, 0o755);
    return path;
  }

  /** Captures on every interface of the browser's side, loopback included. */
  async capture() {
    const file = join(this.#folder, "packets");
    const [command, ...words] = this.browserSide;
    const options = ["-i", "any", "-y", "LINUX_SLL2", "-n", "-U", "-s", "512", ...KEEP];
    const child = spawn(command, [...words, "tcpdump", ...options, "-w", file], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    await new Promise((resolve, reject) => {
      child.once("close", () => reject(new Error(`tcpdump ended: ${said}`)));
      child.stderr.on("data", (chunk) => {
        said += chunk;
        if (said.includes("listening on")) resolve();
      });
    });
    this.#capture = { child, file };
  }

  /** Ends the capture: every packet that tried to leave, in order. */
  async captured() {
    const { child, file } = this.#capture;
    // What was sent in this moment has still to be written.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGINT");
    await ended;
    this.#capture = null;
    return packetsOf(await readFile(file));
  }

  async remove() {
    this.#capture?.child.kill("SIGKILL");
    for (const name of this.#names) await run("ip", ["netns", "del", name]).catch(() => undefined);
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }
}
