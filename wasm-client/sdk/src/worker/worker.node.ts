// The worker in Node, started by `platform/node.ts`.
import { readFile } from "node:fs/promises";
import { parentPort } from "node:worker_threads";

import init from "../wasm/blindsight_wasm.js";
import { Handler } from "./handler.js";
import type { TaskMessage } from "./messages.js";

const module = new URL("../wasm/blindsight_wasm_bg.wasm", import.meta.url);
const handler = new Handler(async () => init({ module_or_path: await readFile(module) }));

parentPort?.on("message", (message: TaskMessage) => {
  void handler.handle(message).then(({ reply, transfer }) => {
    parentPort?.postMessage(reply, transfer);
  });
});
