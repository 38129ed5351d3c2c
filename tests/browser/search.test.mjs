// The search for secrets and for strangers must be able to find them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Secrets } from "./lib/secrets.mjs";
import { strangers } from "./lib/tap.mjs";

const rgb = Buffer.from(Array.from({ length: 3072 }, (_, i) => (i * i * 7 + i * 13) % 251));
const statistics = { mean: [0.49, 0.48, 0.45], deviation: [0.25, 0.24, 0.26] };
const secrets = new Secrets()
  .addPixels("pixels", rgb, statistics)
  .addBytes("seed", Buffer.from(rgb.subarray(40, 72)))
  .addNumbers("score", [8.901234567, -1.25, 3.75]);

const finds = (body, head = "POST http://server/v1/x\n") =>
  secrets.in({ head, body: Buffer.from(body) }).length > 0;

test("pixels are found however they are written", () => {
  const noise = Buffer.alloc(1000, 200);
  assert.ok(!finds(noise));
  for (let shift = 0; shift < 3; shift++) {
    const body = Buffer.concat([noise.subarray(0, shift), rgb]);
    for (const encoding of ["base64", "base64url", "hex"])
      assert.ok(finds(body.toString(encoding)));
    assert.ok(finds(body));
    assert.ok(finds(Buffer.from(body).reverse()));
  }
  const values = Array.from(
    rgb,
    (x, i) => (x / 255 - statistics.mean[i % 3]) / statistics.deviation[i % 3],
  );
  assert.ok(finds(Float32Array.from(values).buffer));
  assert.ok(finds(Float64Array.from(values).buffer));
  assert.ok(finds(JSON.stringify([...rgb])));
});

test("seeds and scores are found, in addresses and headers too", () => {
  const seed = rgb.subarray(40, 72);
  assert.ok(finds("", `GET http://server/v1/x?s=${seed.toString("hex")}\n`));
  assert.ok(finds("", `GET http://server/v1/x\nCookie\ns=${seed.toString("base64")}`));
  assert.ok(finds('{"score":8.901234567}'));
  assert.ok(finds(Float64Array.of(1, -1.25).buffer));
  assert.ok(finds(Float32Array.of(8.901234567, -1.25, 3.75).buffer));
});

test("whoever is not the evaluator is a stranger, but for services that Chromium needs", () => {
  const found = (...requests) => strangers({ elsewhere: () => [] }, { strangers: requests });
  const own = [
    "CONNECT update.googleapis.com:443",
    "POST http://update.googleapis.com/service/update2/json",
    "CONNECT android.clients.google.com:443",
    "GET http://edgedl.me.gvt1.com/edgedl/x",
  ];
  assert.deepEqual(found(...own), []);
  const others = [
    "CONNECT content-autofill.googleapis.com:443",
    "CONNECT update.googleapis.com.example:443",
    "GET http://example.com/?update.googleapis.com",
    "CONNECT notgvt1.com:443",
  ];
  assert.deepEqual(found(...own, ...others), others);
});
