import { LinkedAbort } from "./abort.js";
import { sha256 } from "./bytes.js";
import type { WorkerPool } from "./pool.js";
import type { Description } from "./generated.js";
import type { ContractBytes, SealedSecret } from "./worker/messages.js";

/** A frame of the upload, at its place. */
export interface KeyFrame {
  start: number;
  bytes: Uint8Array<ArrayBuffer>;
  sha256: Uint8Array<ArrayBuffer>;
}

/** An upload: a manifest, then the keys that it names. */
export interface Bundle {
  contract: ContractBytes;
  manifest: Uint8Array<ArrayBuffer>;
  /** Places of the keys in the contract's list. */
  places: readonly number[];
  /** Where each frame starts, and at the end the length of the whole upload. */
  starts: readonly number[];
}

/** How to make keys. */
export interface KeyStreamOptions {
  pool: WorkerPool;
  secret: SealedSecret;
  bundle: Bundle;
  /** Offset in the upload: frames that end at or before it are left out. */
  from: number;
  signal: AbortSignal;
  /** Called after each evaluation key, in no particular order. */
  onMade?: () => void;
}

/** The upload of the keys at some places of a contract's list. */
export async function makeBundle(
  pool: WorkerPool,
  contract: ContractBytes,
  said: Description,
  places: readonly number[],
  signal: AbortSignal,
): Promise<Bundle> {
  const manifest = await pool.run("manifest", { contract, places: [...places] }, { signal });
  const starts = [0, manifest.length];
  let at = manifest.length;
  for (const place of places) starts.push((at += said.keys[place]?.bytes ?? 0));
  return { contract, manifest, places, starts };
}

/**
 * The upload, frame by frame: the manifest, then the evaluation keys in order.
 *
 * The workers make several keys at a time, and at most as many wait to be taken as there are
 * workers, plus one: neither a slow nor a fast connection lets keys pile up.
 */
export function keyStream(options: KeyStreamOptions): ReadableStream<KeyFrame> {
  const { pool, bundle, from } = options;
  const { contract, manifest, places, starts } = bundle;
  const abort = new LinkedAbort(options.signal);
  const lookAhead = pool.size + 1;
  const waiting: Promise<KeyFrame>[] = [];
  // Frame 0 is the manifest, frame i + 1 is the key at the i-th place.
  const end = (frame: number) => starts[frame + 1] ?? Infinity;
  const count = starts.length - 1;
  let next = 0;
  while (next < count && end(next) <= from) next += 1;

  const make = async (frame: number): Promise<KeyFrame> => {
    const start = starts[frame] ?? 0;
    if (frame === 0) return { start, bytes: manifest, sha256: await sha256(manifest) };
    const input = { contract, secret: options.secret, place: places[frame - 1] ?? -1 };
    const key = await pool.run("evaluationKey", input, { signal: abort.signal });
    options.onMade?.();
    return { start, ...key };
  };
  const fill = () => {
    while (waiting.length < lookAhead && next < count) {
      const frame = make(next++);
      // Whoever takes it sees a failure; until then it must not count as unhandled.
      frame.catch(() => undefined);
      waiting.push(frame);
    }
  };

  return new ReadableStream<KeyFrame>(
    {
      async pull(controller) {
        fill();
        const frame = waiting.shift();
        if (!frame) {
          abort.release();
          controller.close();
          return;
        }
        try {
          controller.enqueue(await frame);
          fill();
        } catch (error) {
          abort.controller.abort(error);
          abort.release();
          controller.error(error);
        }
      },
      cancel(reason) {
        abort.controller.abort(reason);
        abort.release();
      },
    },
    // Nothing is made before somebody reads.
    { highWaterMark: 0 },
  );
}
