/** Fulfils the page's port with the package "blindsight". */
import {
  Client,
  type ClassifyProgress,
  type KeyProgress,
  type Keys,
  type LedgerEntry,
  type ModelInfo,
  type PictureInput,
} from "blindsight";
import { Drawing } from "../digit.ts";
import { Heads } from "./heads.ts";
import { type Offered, offered, variant } from "./offered.ts";
import type {
  Answer,
  Control,
  Encoder,
  Facts,
  LabelAnswer,
  LabelOffer,
  Open,
  Sdk,
  Source,
  Step,
} from "./port.ts";

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
  const models = offered(client.models);
  const encoders = client.models
    .filter(({ features, input }) => features !== null && input.kind !== "tensor")
    .map(encoderOf)
    .toSorted((a, b) => a.seconds - b.seconds);
  /** Keys of encoders, by the encoder's name. */
  const encoderKeys = new Map<string, Keys>();
  let answer: LabelAnswer = "scores";
  // The SDK connects to no server without a model.
  let chosen = variant(models[0] as Offered, answer);
  /** The numbers of a source, by which it is known again: they are read once. */
  let numbers: { readonly source: Source; readonly values: Float32Array } | null = null;
  let keys: Keys | null = null;
  /** What the last run of each model took on the server. */
  const took = new Map<string, number>();
  /** Keys that are not kept live as long as this page. */
  const ours = (): Keys | null => {
    return keys !== null && !keys.persisted && keys.scheme === chosen.scheme ? keys : null;
  };
  return {
    get facts() {
      return factsOf(client, chosen);
    },
    offers: () =>
      Promise.all(
        models.map(async (model) => {
          const { input, bytes, forecast } = variant(model, answer);
          return {
            id: model.id,
            model: variant(model, "scores").title,
            input,
            missingKeyBytes: await missingBytes(client, variant(model, answer)),
            requestBytes: bytes.request,
            seconds: forecast.seconds,
            label: await labelOffer(client, model, took),
          };
        }),
      ),
    use(choice) {
      ({ answer } = choice);
      const model = models.find(({ id }) => id === choice.model);
      if (model !== undefined) chosen = variant(model, answer);
    },
    async stored() {
      const model = chosen.id;
      if (ours() !== null) {
        const { bytes } = await client.missingKeys({ model });
        const kept = { at: "kept", since: null, persisted: false } as const;
        return bytes === 0 ? kept : { at: "partial", since: new Date() };
      }
      const stored = await client.storedKeys({ model });
      if (stored === null) return { at: "none" };
      const since = new Date(stored.createdAt);
      if (stored.complete) return { at: "kept", since };
      if (stored.interrupted) return { at: "unfinished", since };
      // A secret alone is nothing that anybody has to know of.
      const { bytes } = await client.missingKeys({ model });
      return bytes < chosen.bytes.keys ? { at: "partial", since } : { at: "none" };
    },
    async preview(source) {
      const model = chosen.id;
      if (chosen.input.kind === "tensor") {
        const values = await client.readNumbers(asNumbers(source), { model });
        numbers = { source, values };
        return { kind: "numbers", values };
      }
      const { square, pixels } = await client.preview(asPicture(source), { model });
      const image = new ImageData(square.data, square.width, square.height);
      return { kind: "picture", square: image, side: pixels.width, rgb: pixels.rgb };
    },
    async prepareKeys(control, { persist }) {
      const unkept = ours();
      if (unkept !== null && unkept.model === chosen.id) return unkept;
      const onProgress = keySteps(control, chosen.bytes.keys);
      const options = { persist: persist && unkept === null, model: chosen.id };
      keys = await client.keys({ ...options, onProgress, signal: control.signal });
      return keys;
    },
    async classify(source, control) {
      if (keys === null) throw new Error("keys come before a classification");
      const onProgress = classifySteps(control);
      const { signal } = control;
      const input = numbers?.source === source ? numbers.values : asPicture(source);
      const wish = { answer: tells(chosen), model: chosen.of };
      try {
        const found = await client.classify(input, { keys, ...wish, onProgress, signal });
        took.set(chosen.id, found.seconds.evaluate);
        return { ...found, scores: "scores" in found ? found.scores : null } satisfies Answer;
      } catch (error) {
        if (isLost(error)) keys = null;
        throw error;
      }
    },
    encoders,
    async embed({ id: model, keyBytes }, source, control) {
      const { signal } = control;
      const onProgress = classifySteps(control);
      try {
        let mine = encoderKeys.get(model);
        if (mine === undefined) {
          mine = await client.keys({ model, signal, onProgress: keySteps(control, keyBytes) });
          encoderKeys.set(model, mine);
        }
        return await client.embed(asPicture(source), { keys: mine, model, signal, onProgress });
      } catch (error) {
        // They may have been forgotten meanwhile, or have expired: the next try makes others.
        encoderKeys.delete(model);
        throw error;
      }
    },
    async forget() {
      const mine = [keys, ...encoderKeys.values()];
      keys = null;
      encoderKeys.clear();
      for (const each of mine) await each?.forget();
      // Those of other schemes, and of earlier visits.
      await client.forgetStoredKeys();
    },
    close: () => client.close(),
  };
}

/** The page offers no other way to a model that reads pictures. */
function asPicture(source: Source): PictureInput {
  if (source instanceof Drawing) return source.rgb();
  if (typeof source !== "string") return source;
  throw Object.assign(new Error("text is no picture"), { code: "unsupported_picture" });
}

function asNumbers(source: Source): Blob | string {
  if (typeof source === "string" || source instanceof Blob) return source;
  throw Object.assign(new Error("A picture holds no numbers"), { code: "unsupported_numbers" });
}

/** What classifying with a model gives. */
function tells({ answer }: ModelInfo): LabelAnswer {
  return answer === "label" ? answer : "scores";
}

/** Bytes of keys that would have to be sent. Trouble with the storage shows when keys are made. */
async function missingBytes(client: Client, { id, bytes }: ModelInfo): Promise<number> {
  return client.missingKeys({ model: id }).then(
    (missing) => missing.bytes,
    () => bytes.keys,
  );
}

/** What the label alone costs beyond scores; seconds as measured, if both were, or else as forecast. */
async function labelOffer(
  client: Client,
  { full, label }: Offered,
  took: ReadonlyMap<string, number>,
): Promise<LabelOffer | null> {
  if (label === null) return null;
  if (full === null) return { only: true, furtherKeyBytes: 0, furtherSeconds: 0 };
  const [more, less] = [await missingBytes(client, label), await missingBytes(client, full)];
  const isMeasured = took.has(label.id) && took.has(full.id);
  const seconds = ({ id, forecast }: ModelInfo): number =>
    (isMeasured ? took.get(id) : null) ?? forecast.seconds;
  return {
    only: false,
    furtherKeyBytes: Math.max(0, more - less),
    furtherSeconds: Math.max(0, seconds(label) - seconds(full)),
  };
}

function factsOf(client: Client, model: ModelInfo): Facts {
  return {
    origin: client.origin,
    id: model.of,
    model: model.title,
    answer: tells(model),
    classes: model.classes,
    input: model.input,
    keyBytes: model.bytes.keys,
    requestBytes: model.bytes.request,
    responseBytes: model.bytes.answer,
    seconds: model.forecast.seconds,
  };
}

function encoderOf(model: ModelInfo): Encoder {
  const { id, title, contract, input, features, bytes, forecast } = model;
  const costs = { keyBytes: bytes.keys, seconds: forecast.seconds };
  return { id, model: title, contract, input, features: features ?? 0, ...costs };
}

function classifySteps(control: Control): (progress: ClassifyProgress) => void {
  return (progress) => {
    if (progress.stage === "waiting") control.onPause(progress);
    else if (progress.stage !== "done") control.onStep(stepOf(progress));
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
