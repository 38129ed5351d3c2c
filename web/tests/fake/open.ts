/**
 * A stand-in for the SDK: no keys, no server, made-up noise. For tests of the page's looks and
 * states only; `vite --mode fake` puts it in the place of `src/sdk/open.ts`.
 *
 * The address says what happens: `?case=down`, `full`, `lost`, `quota`, `failed`, `broken`,
 * `unfinished`, `kept`, `token` (which is "sesame"), `revoked` (the same, from the first
 * classification on), `models` (three of them, of which two share all keys), `digits` (the first
 * reads grey pictures), `numbers` (the first reads numbers), `teach` (there is an encoder for digits),
 * `encoders` (and one for photos), `label` (three models: with and without the label alone, and with
 * nothing else), `withheld` (one, with the label alone); `&speed=10` makes all of it ten times as fast, and `&hold=evaluating` stops
 * there.
 */
import { DIGIT_SIDE, Drawing } from "../../src/digit.ts";
import type {
  Control,
  Encoder,
  Facts,
  LabelAnswer,
  ModelInput,
  Open,
  PicturePreview,
  RequestKind,
  Sdk,
  Source,
  Step,
} from "../../src/sdk/port.ts";

const query = new URLSearchParams(location.search);
const scenario = query.get("case") ?? "";
const speed = Number(query.get("speed") ?? 1);
const hold = query.get("hold");

const CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");
const KEYS = 31;
const PART = 2_400_000;

const reads = (kind: ModelInput["kind"], channels: number, side: number): ModelInput => {
  return { kind, channels, rows: side, columns: side, largest: 64 };
};
const PHOTO = reads("photo", 3, 32);
const model = (id: string, title: string, input = PHOTO, classes = CLASSES): Facts => ({
  id,
  model: title,
  answer: "scores",
  input,
  classes,
  origin: location.origin,
  keyBytes: KEYS * PART,
  seconds: 9.2,
  requestBytes: 385_122,
  responseBytes: 90_212,
});

const RESNET20 = model("resnet20", "ResNet20");
const DIGITS = model("digits", "Two layers", reads("grey", 1, 28), [..."0123456789"]);
const NUMBERS = model("numbers", "Of two channels", reads("tensor", 2, 2), CLASSES);
const ENCODER: Encoder = {
  id: "encoder",
  model: "Features of digits",
  contract: "ab".repeat(32),
  input: reads("grey", 1, DIGIT_SIDE),
  features: 2,
  keyBytes: 900_000,
  seconds: 0.05,
};
const PHOTOS: Encoder = {
  ...ENCODER,
  id: "photos",
  model: "Features of photos",
  contract: "cd".repeat(32),
  input: PHOTO,
  keyBytes: 89_000_000,
  seconds: 5,
};
const SCENARIOS: Readonly<Record<string, readonly Facts[]>> = {
  models: [
    RESNET20,
    { ...model("resnet56", "ResNet56"), seconds: 31 },
    { ...model("larger", "Another scheme"), keyBytes: 212_000_000, seconds: 140 },
  ],
  digits: [DIGITS, RESNET20, NUMBERS],
  numbers: [NUMBERS, DIGITS],
  label: [RESNET20, { ...DIGITS, answer: "label" }, model("resnet56", "ResNet56")],
  withheld: [{ ...RESNET20, answer: "label" }],
};
const ENCODERS: Readonly<Record<string, readonly Encoder[]>> = {
  teach: [ENCODER],
  encoders: [ENCODER, PHOTOS],
};
/** Models with both answers. */
const BOTH: readonly string[] = scenario === "label" ? ["resnet20"] : [];
/** Parts of keys that the label alone needs beyond those for scores. */
const LABEL_PARTS = 9;
const OFFERED = SCENARIOS[scenario] ?? [RESNET20];
const [FIRST] = OFFERED as [Facts];

/** Each failure happens once; the next try succeeds, so that recovery can be seen. */
let fails = true;
function failOnce(code: string): void {
  if (!fails) return;
  fails = false;
  throw failure(code);
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

let isLocked = scenario === "token";
let requests = 0;

/** Connects to nothing. */
export const open: Open = async (_url, { token, onRequest }) => {
  await wait(200);
  if (scenario === "down") failOnce("network");
  if (isLocked && token !== "sesame") throw failure("unauthorized");
  const record: Book = (what, method, url, sent, got) =>
    onRequest({
      id: ++requests,
      time: Date.now(),
      what,
      method,
      url,
      status: 200,
      requestBytes: sent,
      responseBytes: got,
      sha256: sent === 0 ? null : "0123456789abcdef".repeat(4),
      head: sent === 0 ? new Uint8Array() : noise(what === "classification-request" ? 4096 : 64),
    });
  record("models", "GET", "/v1/models", 0, 1834);
  for (const { id } of OFFERED) record("contract", "GET", `/v1/models/${id}/contract`, 0, 6123);
  return fake(record);
};

type Book = (what: RequestKind, method: string, url: string, sent: number, got: number) => void;

function fake(record: Book): Sdk {
  let kept = scenario === "kept" || scenario === "lost";
  let parts = scenario === "unfinished" ? 12 : 0;
  const since = new Date(Date.now() - 9 * 86_400_000);
  let chosen = FIRST;
  /** Whether there are the keys for labels as well. */
  let exact = false;
  const furtherBytes = (): number => (exact ? 0 : LABEL_PARTS * PART);
  const isLabel = (): boolean => chosen.answer === "label" && BOTH.includes(chosen.id);
  const isShared = (id: string): boolean => id !== "larger";
  return {
    get facts() {
      return chosen;
    },
    offers: () =>
      Promise.resolve(
        OFFERED.map(({ id, model, input, keyBytes, requestBytes, seconds, answer }) => ({
          id,
          model,
          input,
          missingKeyBytes:
            (kept && isShared(id) ? 0 : keyBytes) +
            (id === chosen.id && isLabel() ? furtherBytes() : 0),
          requestBytes,
          seconds,
          label: BOTH.includes(id)
            ? { only: false, furtherKeyBytes: furtherBytes(), furtherSeconds: 0.5 }
            : answer === "label"
              ? { only: true, furtherKeyBytes: 0, furtherSeconds: 0 }
              : null,
        })),
      ),
    use(choice) {
      const found = OFFERED.find((model) => model.id === choice.model) ?? FIRST;
      const answer: LabelAnswer = BOTH.includes(found.id) ? choice.answer : found.answer;
      chosen = { ...found, answer };
    },
    stored() {
      if (!isShared(chosen.id)) return Promise.resolve({ at: "none" });
      if (kept && isLabel() && !exact) return Promise.resolve({ at: "partial", since });
      if (kept) return Promise.resolve({ at: "kept", since });
      return Promise.resolve(parts > 0 ? { at: "unfinished", since } : { at: "none" });
    },
    async preview(source) {
      const { input } = chosen;
      if (input.kind === "tensor")
        return { kind: "numbers", values: await numbersOf(source, input) };
      return pictureOf(source, input.rows);
    },
    async prepareKeys(control, { persist }) {
      await step(control, { at: "checking" }, 200);
      if (kept && (exact || !isLabel())) return { persisted: true };
      if (scenario === "quota" && persist) failOnce("storage_quota");
      const resumed = parts > 0;
      if (kept) parts = 0;
      const count = kept ? LABEL_PARTS : KEYS + (isLabel() ? LABEL_PARTS : 0);
      while (parts < count) {
        const made = Math.min(count, parts + 3);
        const bytes = { sent: parts * PART, total: count * PART };
        await step(control, { at: "keys", made, count, ...bytes, resumed }, 300);
        if (scenario === "broken" && parts === 9 && fails) {
          fails = false;
          control.onPause({ reason: "network", retryInSeconds: 4 });
          await wait(1500, control.signal);
        }
        record("key-upload", "PATCH", "/v1/uploads/0b7c9d2e4f6a8b1c", PART, 0);
        parts++;
      }
      exact = isLabel();
      kept = persist;
      return { persisted: persist };
    },
    async classify(_source, control) {
      await step(control, { at: "preparing" }, 100);
      await step(control, { at: "encrypting" }, 300);
      await step(control, { at: "sending" }, 200);
      if (scenario === "full") failOnce("server_busy");
      if (scenario === "revoked" && fails) {
        isLocked = true;
        failOnce("unauthorized");
      }
      if (scenario === "lost" && fails) {
        kept = false;
        parts = 0;
        failOnce("keys_lost");
      }
      record("classification-request", "POST", "/v1/keys/0b7c9d2e4f6a8b1c/jobs", 385_122, 412);
      await step(control, { at: "queued", position: 1 }, 300);
      for (let i = 0; i < 21; i++) {
        await step(
          control,
          { at: "evaluating", step: i, steps: 21, secondsLeft: 9 - i * 0.43 },
          250,
        );
        if (scenario === "failed" && i === 6) failOnce("job_failed");
      }
      record("progress", "GET", "/v1/jobs/77ab12cd34ef56aa/events", 0, 6100);
      await step(control, { at: "receiving" }, 100);
      record("result", "GET", "/v1/jobs/77ab12cd34ef56aa/result", 0, 90_212);
      await step(control, { at: "decrypting" }, 100);
      return {
        label: chosen.classes[3] ?? "",
        class: 3,
        scores:
          chosen.answer === "label"
            ? null
            : [-1.7, -2.2, 0.4, 8.9, 0.2, 5.8, 0.6, -0.8, -2.1, -2.6],
        seconds: { encrypt: 0.21, evaluate: 9.2, decrypt: 0.043, total: 9.8 },
      };
    },
    encoders: ENCODERS[scenario] ?? [],
    async embed(_encoder, source, control) {
      await step(control, { at: "encrypting" }, 100);
      const { rgb } = await pictureOf(source, DIGIT_SIDE);
      record("classification-request", "POST", "/v1/keys/0b7c9d2e4f6a8b1c/jobs", 92_253, 412);
      await step(control, { at: "evaluating", step: 0, steps: 1, secondsLeft: null }, 100);
      return featuresOf(rgb);
    },
    async forget() {
      await wait(300);
      kept = false;
      exact = false;
      parts = 0;
      record("key-deletion", "DELETE", "/v1/keys/0b7c9d2e4f6a8b1c", 0, 0);
    },
    close: () => undefined,
  };
}

/** How far the ink of a picture reaches up and down, and to the sides. */
function featuresOf(rgb: Uint8Array): Float32Array {
  const features = new Float32Array(2);
  const middle = (DIGIT_SIDE - 1) / 2;
  for (let i = 0; i < DIGIT_SIDE * DIGIT_SIDE; i++) {
    const ink = (rgb[3 * i] ?? 0) / 255;
    const away = [Math.floor(i / DIGIT_SIDE) - middle, (i % DIGIT_SIDE) - middle];
    away.forEach((by, at) => (features[at] = (features[at] ?? 0) + ink * Math.abs(by)));
  }
  return features;
}

/** As the SDK's, but for its many refusals. */
async function numbersOf(source: Source, input: ModelInput): Promise<Float32Array> {
  const text = source instanceof Blob ? await source.text() : String(source);
  const values = Float32Array.from(text.match(/[^\s,[\]]+/g) ?? [], Number);
  const count = input.channels * input.rows * input.columns;
  if (values.length === count) return values;
  const message = `the model reads ${count} numbers, but there are ${values.length}`;
  throw Object.assign(new Error(message), { code: "unsupported_numbers" });
}

async function pictureOf(source: Source, side: number): Promise<PicturePreview> {
  const bitmap = await createImageBitmap(asBitmapSource(source, side)).catch(() => {
    throw failure("unsupported_picture");
  });
  const rgba = crop(bitmap, side).data;
  const rgb = Uint8Array.from(
    { length: 3 * side * side },
    (_, i) => rgba[4 * Math.floor(i / 3) + (i % 3)] ?? 0,
  );
  const square = crop(bitmap, Math.min(512, bitmap.width, bitmap.height));
  return { kind: "picture", square, side, rgb };
}

function asBitmapSource(source: Source, side: number): ImageBitmapSource {
  if (typeof source === "string") throw failure("unsupported_picture");
  if (!(source instanceof Drawing)) return source;
  const image = new ImageData(side, side);
  source.rgb().forEach((value, i) => (image.data[4 * Math.floor(i / 3) + (i % 3)] = value));
  return opaque(image);
}

function opaque(image: ImageData): ImageData {
  for (let i = 3; i < image.data.length; i += 4) image.data[i] = 255;
  return image;
}

async function step(control: Control, now: Step, milliseconds: number): Promise<void> {
  control.onStep(now);
  const isLate = now.at === "evaluating" ? now.step >= 8 : now.at === "keys" ? now.made > 20 : true;
  await wait(hold === now.at && isLate ? 1e9 : milliseconds, control.signal);
}

function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, milliseconds / speed);
    signal?.addEventListener("abort", () => reject(failure("aborted")));
  });
}

function crop(image: ImageBitmap, side: number): ImageData {
  const context = new OffscreenCanvas(side, side).getContext("2d");
  if (context === null) throw new Error("no canvas");
  const edge = Math.min(image.width, image.height);
  const [x, y] = [(image.width - edge) / 2, (image.height - edge) / 2];
  context.drawImage(image, x, y, edge, edge, 0, 0, side, side);
  return context.getImageData(0, 0, side, side);
}

function noise(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
