// Compiled models that differ from those of the repository in their contract alone.
import { createHash } from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MODELS = fileURLToPath(new URL("../../../models/", import.meta.url));
/** Where the header of the file says how long the contract is, and where it begins. */
const LENGTH_AT = 44;
const FINGERPRINT_AT = 12;
const CONTRACT_AT = 76;

/** A folder with one model of the repository, its contract changed. */
export async function folderWith(name, change) {
  const file = await readFile(join(MODELS, `${name}.bs`));
  const length = file.readUInt32LE(LENGTH_AT);
  const contract = JSON.parse(file.subarray(CONTRACT_AT, CONTRACT_AT + length).toString());
  change(contract);
  const text = Buffer.from(JSON.stringify(contract));
  const header = Buffer.from(file.subarray(0, CONTRACT_AT));
  header.writeUInt32LE(text.length, LENGTH_AT);
  const changed = Buffer.concat([header, text, file.subarray(CONTRACT_AT + length)]);
  const hashed = changed.subarray(LENGTH_AT);
  createHash("sha256").update(hashed).digest().copy(changed, FINGERPRINT_AT);
  const folder = await mkdtemp(join(tmpdir(), "blindsight-models-"));
  await writeFile(join(folder, `${name}.bs`), changed);
  return folder;
}
