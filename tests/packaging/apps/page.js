// What every browser app runs: keys, then an encrypted picture. The test reads `window.outcome`.
import { Client, getVersions } from "blindsight";

async function main() {
  const client = await Client.connect("/", { workers: 2 });
  const longest = { pause: 0, last: performance.now() };
  // The page's thread must stay free while keys are made.
  const timer = setInterval(() => {
    const now = performance.now();
    longest.pause = Math.max(longest.pause, now - longest.last);
    longest.last = now;
  }, 10);
  const stages = new Set();
  const keys = await client.keys({
    onProgress: ({ stage }) => stages.add(stage),
  });
  const pixels = new Uint8Array(3072).map((_, index) => index % 251);
  const times = [];
  let request;
  for (let round = 0; round < 3; round += 1) {
    const began = performance.now();
    request = await client.encrypt(pixels, { keys });
    times.push((performance.now() - began) / 1000);
  }
  clearInterval(timer);
  const canvas = new OffscreenCanvas(48, 40);
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(10 200 30)";
  context.fillRect(0, 0, 48, 40);
  const previews = [
    await client.preview(canvas),
    await client.preview(await createImageBitmap(canvas)),
    await client.preview(context.getImageData(0, 0, 48, 40)),
    await client.preview(await canvas.convertToBlob({ type: "image/png" })),
    await client.preview(
      await (await canvas.convertToBlob({ type: "image/webp", quality: 1 })).arrayBuffer(),
    ),
  ];
  const stored = await client.storedKeys();
  const outcome = {
    versions: getVersions(),
    sha256: keys.sha256,
    fresh: keys.fresh,
    persisted: keys.persisted,
    stored: stored?.complete ?? null,
    timings: keys.timings,
    encryptSeconds: times,
    requestBytes: request.length,
    stages: [...stages],
    longestPauseMilliseconds: longest.pause,
    firstPixels: previews.map(({ pixels, square }) => [...pixels.rgb.slice(0, 3), square.width]),
    ledger: client.ledger.map(({ what, requestBytes }) => [what, requestBytes]),
  };
  client.close();
  return outcome;
}

window.outcome = main().catch((error) => ({
  failed: `${error.code}: ${error.message}`,
}));
