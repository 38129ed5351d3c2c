// What tests measure by the way: target/tests/browser.json.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../target/tests/", import.meta.url));
const file = `${folder}browser.json`;

/** Writes a figure beside those of the other tests. */
export async function note(name, value) {
  const others = JSON.parse(await readFile(file, "utf8").catch(() => "{}"));
  await mkdir(folder, { recursive: true });
  await writeFile(file, `${JSON.stringify({ ...others, [name]: value }, null, 1)}\n`);
}
