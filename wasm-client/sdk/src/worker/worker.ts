// The worker in browsers: a module of its own, started by `platform/browser.ts`.
import init from "../wasm/blindsight_wasm.js";
import { Handler } from "./handler.js";
import type { TaskMessage } from "./messages.js";

// The page's and the worker's global scopes have one type in TypeScript; this is what we need.
const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<TaskMessage>) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
};

// Bundlers recognise exactly this form.
const module = new URL("../wasm/blindsight_wasm_bg.wasm", import.meta.url);
const handler = new Handler(() => init({ module_or_path: fetch(module, { credentials: "omit" }) }));

scope.onmessage = ({ data }) => {
  void handler.handle(data).then(({ reply, transfer }) => scope.postMessage(reply, transfer));
};
