/** Fulfils the page's port with the package "blindsight". */
import {
  Client,
  type ClassifyProgress,
  type KeyProgress,
  type Keys,
  type LedgerEntry,
} from "blindsight";
import { Heads } from "./heads.ts";
import type { Control, Facts, Open, Sdk, Step } from "./port.ts";

/** Tries of the SDK go on for this long before the page says so and offers a button. */
const MAX_WAIT_SECONDS = 120;

/** Every client counts its requests from 1; the page's book counts on. */
let requests = 0;

/** Connects to the service. */
export const open: Open = async (url, { token, onRequest }) => {
  const heads = new Heads();
  const client = await Client.connect(url, {
    ...(token !== null && { token }),
    fetch: heads.fetch,
    maxWaitSeconds: MAX_WAIT_SECONDS,
    onRequest(entry: LedgerEntry) {
      const isPicture = entry.what === "classification-request";
      const head = isPicture ? heads.longer(entry.head) : entry.head;
      onRequest({ ...entry, id: ++requests, head });
    },
  });
  return adapt(client);
};

function adapt(client: Client): Sdk {
  let keys: Keys | null = null;
  return {
    facts: factsOf(client),
    async stored() {
      const stored = await client.storedKeys();
      if (stored === null) return { at: "none" };
      const since = new Date(stored.createdAt);
      return stored.complete ? { at: "kept", since } : { at: "unfinished", since };
    },
    async preview(source) {
      const { square, rgb32 } = await client.preview(source);
      return { square: new ImageData(square.data, square.width, square.height), rgb32 };
    },
    async prepareKeys(control, { persist }) {
      const onProgress = keySteps(control, client.models[0]?.evaluationKeys.bytes ?? 0);
      // Keys that are not kept live as long as this page.
      if (keys === null || keys.persisted) {
        keys = await client.keys({ persist, onProgress, signal: control.signal });
      }
      return keys;
    },
    async classify(source, control) {
      if (keys === null) throw new Error("keys come before a classification");
      const onProgress = (progress: ClassifyProgress): void => {
        if (progress.stage === "waiting") control.onPause(progress);
        else if (progress.stage !== "done") control.onStep(stepOf(progress));
      };
      try {
        return await client.classify(source, { keys, onProgress, signal: control.signal });
      } catch (error) {
        if (isLost(error)) keys = null;
        throw error;
      }
    },
    async forget() {
      const mine = keys;
      keys = null;
      await (mine === null ? client.forgetStoredKeys() : mine.forget());
    },
    close: () => client.close(),
  };
}

function factsOf(client: Client): Facts {
  const model = client.models[0];
  if (model === undefined) throw new Error("a service offers at least one model");
  return {
    origin: client.origin,
    model: model.name,
    classes: model.classes,
    steps: model.steps,
    keyBytes: model.evaluationKeys.bytes,
    requestBytes: model.requestBytes,
    responseBytes: model.responseBytes,
  };
}

/** Generating and uploading overlap and report in turn; the page shows both at once. */
function keySteps(control: Control, bytes: number): (progress: KeyProgress) => void {
  const now = { made: 0, count: 0, sent: 0, total: bytes, resumed: false };
  return (progress) => {
    switch (progress.stage) {
      case "checking":
        return control.onStep({ at: "checking" });
      case "generating":
        now.made = progress.keysDone;
        now.count = progress.keysTotal;
        break;
      case "uploading":
        now.sent = progress.bytesSent;
        now.total = progress.bytesTotal;
        now.resumed = progress.resumed;
        break;
      case "waiting":
        return control.onPause(progress);
      case "ready":
        return;
    }
    control.onStep({ at: "keys", ...now });
  };
}

function stepOf(progress: Exclude<ClassifyProgress, { stage: "waiting" | "done" }>): Step {
  switch (progress.stage) {
    case "queued":
      return { at: "queued", position: progress.position };
    case "evaluating":
      return {
        at: "evaluating",
        step: progress.step,
        steps: progress.steps,
        secondsLeft: progress.etaSeconds,
      };
    default:
      return { at: progress.stage };
  }
}

function isLost(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "keys_lost";
}
