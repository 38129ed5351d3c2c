// How much memory one instance of the module takes for the largest things that it does.
import init, {
  ClientKeys,
  Contract,
  prepareFile,
} from "/node_modules/blindsight/dist/wasm/blindsight_wasm.js";

async function main() {
  const { memory } = await init({
    module_or_path: "/node_modules/blindsight/dist/wasm/blindsight_wasm_bg.wasm",
  });
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
  const [{ id }] = (await (await fetch("/v1/models")).json()).models;
  const answer = await fetch(`/v1/models/${id}/contract`);
  const contract = Contract.parse(new Uint8Array(await answer.arrayBuffer()));
  const keys = await ClientKeys.open(contract, await ClientKeys.generate(contract, key), key);
  const count = contract.describe().keys.length;
  for (let place = 0; place < count; place += 1) keys.evaluationKey(contract, place);
  keys.free();
  const afterKeys = memory.buffer.byteLength;
  const canvas = new OffscreenCanvas(5000, 5000);
  const context = canvas.getContext("2d");
  for (let at = 0; at < 5000; at += 50) {
    context.fillStyle = `hsl(${at} 80% 50%)`;
    context.fillRect(at, at / 2, 3000, 70);
  }
  const photo = await canvas.convertToBlob({
    type: "image/jpeg",
    quality: 0.9,
  });
  const began = performance.now();
  prepareFile(contract, new Uint8Array(await photo.arrayBuffer()), 512).free();
  const photoSeconds = (performance.now() - began) / 1000;
  return { afterKeys, afterPhoto: memory.buffer.byteLength, photoSeconds };
}

window.memory = main().catch((error) => ({ failed: String(error) }));
