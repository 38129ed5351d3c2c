import type { ReplyMessage, TaskMessage } from "../worker/messages.js";
import type { KeyStore } from "../store/store.js";

/** A worker, wherever it runs. */
export interface Port {
  post(message: TaskMessage, transfer: Transferable[]): void;
  terminate(): void;
  /** In Node: whether this worker keeps the process alive. */
  keepAlive(yes: boolean): void;
}

/** What a worker tells. */
export interface PortEvents {
  onReply(reply: ReplyMessage): void;
  /** It could not be started, or died. */
  onFailure(message: string): void;
}

/** What differs between browsers and Node. */
export interface Platform {
  /** The missing feature, if there is one. */
  missing(): string | null;
  spawn(events: PortEvents): Port;
  /** Cores that may be used. */
  cores(): number;
  /** Whether keys are stored unless the caller says otherwise. */
  persistByDefault: boolean;
  store(): KeyStore;
  /** Runs `work` while no other page of this origin does so under this name. */
  exclusively<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Calls back when the page is left, for good or maybe to be shown again; the result stops that. */
  onLeave(listener: (forGood: boolean) => void): () => void;
  /** A server's address, which may be relative to the page. */
  resolve(url: string | URL): URL;
}
