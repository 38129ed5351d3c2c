import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { TransferListItem } from "node:worker_threads";

import { NoStore } from "../store/store.js";
import type { ReplyMessage } from "../worker/messages.js";
import type { Platform } from "./platform.js";

/** Node 20 and later. */
export const node: Platform = {
  persistByDefault: false,

  missing() {
    const version = Number(process.versions.node.split(".")[0]);
    return version >= 20 ? null : "Node 20 or later";
  },

  spawn({ onReply, onFailure }) {
    const worker = new Worker(new URL("../worker/worker.node.js", import.meta.url));
    worker.on("message", (reply: ReplyMessage) => onReply(reply));
    worker.on("messageerror", () => onFailure("a message could not be read"));
    worker.on("error", (error) => onFailure(String(error)));
    worker.on("exit", () => onFailure("the worker ended"));
    return {
      post: (message, transfer) =>
        worker.postMessage(message, transfer as readonly TransferListItem[]),
      terminate: () => void worker.terminate(),
      keepAlive: (yes) => (yes ? worker.ref() : worker.unref()),
    };
  },

  cores: () => availableParallelism(),

  store: () => new NoStore(),

  exclusively: (_name, _signal, work) => work(),

  onLeave: () => () => undefined,

  resolve: (url) => new URL(url),
};
