// Every packet that the browser tries to send, to anybody, by any protocol: the page in a network
// that reaches the evaluator alone, with a capture inside. Where no such network can be made, the
// test is skipped and says why.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { chromiumPath } from "../chromium/chromium.mjs";
import { Evaluator } from "./lib/evaluator.mjs";
import { note } from "./lib/figures.mjs";
import { EVALUATOR, Network, UNSHARE, mayUnshare, obstacle } from "./lib/network.mjs";
import { Visitor } from "./lib/page.mjs";
import { summary } from "./lib/packets.mjs";
import { settings } from "./lib/wait.mjs";

const INSIDE = "BLINDSIGHT_TRAFFIC_INSIDE";
const why = obstacle();
// Who may not do that here may still do it in a world of their own.
const again = why !== null && process.env[INSIDE] === undefined && mayUnshare();
if (why !== null && !again) console.error(`traffic: NOT RUN, ${why}`);

/**
 * Names that Chromium asks the DNS for by itself when it starts, whatever page is open: for updates
 * of its parts, and for accounts. No switch of Chromium 156 keeps it from that, `FLAGS` included. The
 * last test sees the same names with an empty page.
 */
const CHROMIUMS_OWN = ["update.googleapis.com", "accounts.google.com"];

/** Neither the evaluator's nor explained. */
function strange(packets, port) {
  const known = ({ protocol, to, port: at, name }) =>
    (protocol === "tcp" && to === EVALUATOR && at === port) || CHROMIUMS_OWN.includes(name);
  return packets.filter((packet) => packet.kind === "packet" && !known(packet));
}

test(
  "in namespaces of an own user",
  { ...settings, skip: again ? false : (why ?? "not needed") },
  () => {
    const file = fileURLToPath(import.meta.url);
    // `ip netns` keeps its names there.
    const script = 'mount -t tmpfs none /run && exec "$0" --test "$1"';
    const words = [...UNSHARE, "sh", "-c", script, process.execPath, file];
    const env = { ...process.env, [INSIDE]: "1", NODE_TEST_CONTEXT: undefined };
    const { status, stdout, stderr } = spawnSync("unshare", words, { env, encoding: "utf8" });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /# skipped 1\n/, "it was skipped there as well");
  },
);

test(
  "no packet goes to anybody but the evaluator",
  { ...settings, skip: why ?? false },
  async () => {
    const network = await Network.build();
    let evaluator;
    let visitor;
    try {
      const place = { command: network.evaluatorSide, address: EVALUATOR };
      // Nobody else is in this network.
      evaluator = await Evaluator.startIn(place, "--open");
      await network.capture();
      const browser = chromiumPath(chromium.executablePath());
      visitor = await Visitor.arrive(undefined, {
        executablePath: await network.wrapped(browser),
        // WebCrypto wants HTTPS or localhost, and here it can be neither.
        args: [`--unsafely-treat-insecure-origin-as-secure=${evaluator.url}`],
      });
      const page = await visitor.open(evaluator.url);
      await page.phase("waiting");
      await page.byId("sample-cat").click();
      assert.equal(await page.classify(), "cat");
      await page.byId("forget").click();
      await page.phase("waiting", "ready", "done");
      await page.tab.reload();
      await page.phase("waiting");
      const { complaints } = visitor;
      await visitor.leave();
      visitor = undefined;

      const packets = await network.captured();
      const link = packets.filter(({ kind }) => kind === "link");
      const others = strange(packets, Number(new URL(evaluator.url).port));
      console.log(`traffic: ${packets.length} packets left the browser's side`);
      console.log(`traffic: of the wire itself ${JSON.stringify(summary(link))}`);
      const own = packets.filter(({ name }) => CHROMIUMS_OWN.includes(name));
      console.log(`traffic: of Chromium itself ${JSON.stringify(summary(own))}`);
      console.log(`traffic: to others ${JSON.stringify(summary(others))}`);
      await note("traffic", {
        packets: packets.length,
        link: summary(link),
        others: summary(others),
      });
      // A classification with its keys takes 88 MB: the capture saw it.
      assert.ok(packets.length > 1000);
      assert.deepEqual(summary(others), {});
      assert.deepEqual(complaints, []);
    } finally {
      await visitor?.leave();
      await evaluator?.remove();
      await network.remove();
    }
  },
);

test(
  "the capture sees what a page that means ill would try",
  { ...settings, skip: why ?? false },
  async () => {
    const network = await Network.build();
    let visitor;
    try {
      await network.capture();
      const browser = chromiumPath(chromium.executablePath());
      visitor = await Visitor.arrive(undefined, { executablePath: await network.wrapped(browser) });
      const { tab } = await visitor.open("about:blank");
      await tab.evaluate(async () => {
        const attempt = (url) =>
          fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
        await attempt("http://192.0.2.7:81/");
        await attempt("http://[2001:db8::7]:82/");
        await attempt("http://stolen.example:84/");
        const peer = new RTCPeerConnection({ iceServers: [{ urls: "stun:192.0.2.8:83" }] });
        peer.createDataChannel("x");
        await peer.setLocalDescription(await peer.createOffer());
        await new Promise((resolve) => setTimeout(resolve, 2000));
      });
      await visitor.leave();
      visitor = undefined;
      const packets = await network.captured();
      const seen = summary(strange(packets, 0));
      const own = packets.filter(({ name }) => CHROMIUMS_OWN.includes(name));
      console.log(`traffic: of Chromium itself ${JSON.stringify(summary(own))}`);
      console.log(`traffic: of a hostile page ${JSON.stringify(seen)}`);
      for (const name of [
        "tcp to 192.0.2.7 port 81",
        "tcp to 2001:db8:0:0:0:0:0:7 port 82",
        "udp to 192.0.2.8 port 83",
        "DNS for stolen.example",
      ]) {
        assert.ok(seen[name] > 0, `${name} was not seen`);
      }
    } finally {
      await visitor?.leave();
      await network.remove();
    }
  },
);
