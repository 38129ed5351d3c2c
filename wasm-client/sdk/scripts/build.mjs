// Compiles the sources to dist/, beside the generated module.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
if (!existsSync(`${root}src/wasm/blindsight_wasm_bg.wasm`)) {
  console.error("src/wasm is empty: run `just wasm` first");
  process.exit(1);
}
rmSync(`${root}dist`, { recursive: true, force: true });
const tsc = spawnSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`], {
  cwd: root,
  stdio: "inherit",
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
cpSync(`${root}src/wasm`, `${root}dist/wasm`, { recursive: true });
for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) {
  cpSync(`${root}../../${licence}`, `${root}${licence}`);
}
