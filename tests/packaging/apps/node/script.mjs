// Keys and an encrypted picture in Node: `node script.mjs URL`.
import { Client } from "blindsight";

const client = await Client.connect(process.argv[2]);
const keys = await client.keys();
const request = await client.encrypt(new Uint8Array(3072), { keys });
console.log(
  JSON.stringify({
    sha256: keys.sha256,
    persisted: keys.persisted,
    requestBytes: request.length,
  }),
);
// Idle workers must not keep the process alive: no `client.close()` here.
