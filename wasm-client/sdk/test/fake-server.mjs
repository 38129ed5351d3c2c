// @ts-check
// A server in memory that speaks the API and understands nothing: for tests of the client alone.
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";

/**
 * @typedef {import("../src/generated.js").Description} Description
 * @typedef {{ bytes: Uint8Array, description: Description }} FakeModel A contract, and what it says.
 *
 * @typedef {(request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse,
 *   server: FakeServer) => boolean | Promise<boolean>} Fault Whether it took over the request.
 *
 * @typedef {{ id: string, capability: string, scheme: string, keys: string[], bytes: Buffer[], offset: number,
 *   length: number }} Upload
 * @typedef {{ id: string, keys: string, model: string, with: string[], state: string, step: number,
 *   idempotency: string | undefined, request: Buffer, evaluate_seconds: number | null }} FakeJob
 */

export class FakeServer {
  /** @type {Map<string, Upload>} */
  uploads = new Map();
  /** @type {Map<string, FakeJob>} */
  jobs = new Map();
  /** Every request: method, path, headers, body. @type {{method: string, path: string, headers: import("node:http").IncomingHttpHeaders, body: Buffer}[]} */
  requests = [];
  /** Asked before each request is answered. @type {Fault | null} */
  fault = null;
  /** How many requests a job takes to advance a step; the answer of a finished one. */
  answer = randomBytes(100);
  /** Jobs stay in the queue until this is true. */
  working = true;
  url = "";

  /** How the list lies about a model. @type {(entry: any) => any} */
  lie = (entry) => entry;
  /** The length of the manifest of so many keys; null if any upload is as long as it says.
   * @type {((keys: number) => number) | null} */
  manifestBytes = (keys) => 4 + keys;

  /** @param {FakeModel[]} models */
  constructor(...models) {
    this.models = models;
    this.server = createServer((request, response) => {
      this.#handle(request, response).catch((error) => {
        console.error(error);
        response.destroy();
      });
    });
  }

  /** @returns {Promise<this>} */
  async listen() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const address = this.server.address();
    if (typeof address !== "object" || !address) throw new Error("no address");
    this.url = `http://127.0.0.1:${address.port}`;
    return this;
  }

  /** @returns {Promise<void>} */
  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(() => resolve(undefined)));
  }

  /** The length of an upload of all keys of the first model. */
  get length() {
    return this.models[0] ? whole(this.models[0].description) : 0;
  }

  /** Requests of a kind. @param {string} method @param {RegExp} path */
  sent(method, path) {
    return this.requests.filter((each) => each.method === method && path.test(each.path));
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
  async #handle(request, response) {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "*, Authorization, Content-Type");
    response.setHeader("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE");
    response.setHeader("Access-Control-Expose-Headers", "*");
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    if (this.fault && (await this.fault(request, response, this))) return;
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const { method = "", url: path = "", headers } = request;
    this.requests.push({ method, path, headers, body });
    const [, version, kind, id = "", rest] = path.split("/");
    if (version !== "v1") return problem(response, 404, "not_found");
    if (kind === "models" && rest === "contract") return this.#contract(id, response);
    if (kind === "models") return json(response, 200, this.#list());
    if (kind === "uploads") return this.#upload(method, id, headers, body, response);
    if (kind === "keys") return this.#keys(method, id, rest, headers, body, response);
    if (kind === "jobs") return this.#job(method, id, rest, headers, response);
    problem(response, 404, "not_found");
  }

  #list() {
    const models = this.models.map(({ bytes, description: said }) => ({
      id: said.id,
      title: said.title,
      answer: said.answer,
      of: said.id.replace(/\.(label|lead)$/, ""),
      contract: { sha256: sha256(bytes), bytes: bytes.length },
      scheme: said.scheme,
      keys: { list: said.keyList, count: said.keys.length, bytes: whole(said) },
      request_bytes: said.requestBytes,
      response_bytes: said.answerBytes,
      steps: 4,
      forecast_seconds: said.forecast.seconds,
    }));
    return {
      api: "2",
      server: { version: "fake" },
      models: models.map(this.lie),
      broken: [],
      limits: { queue: 4, jobs_per_keys: 4, part_bytes: 1 << 24 },
    };
  }

  /** @param {string} id */
  model(id) {
    return this.models.find((model) => model.description.id === id);
  }

  /** @param {string} id @param {import("node:http").ServerResponse} response */
  #contract(id, response) {
    const model = this.model(id);
    if (!model) return this.#unknown(id, response);
    response.setHeader("Content-Type", "application/json");
    response.setHeader("ETag", `"${sha256(model.bytes)}"`);
    response.setHeader("Cache-Control", "no-cache");
    return response.writeHead(200).end(model.bytes);
  }

  /** An owner may give labels only. @param {string} id @param {import("node:http").ServerResponse} response */
  #unknown(id, response) {
    if (this.model(`${id}.label`)) return problem(response, 403, "scores_withheld");
    return problem(response, 404, "unknown_model");
  }

  /** @param {import("node:http").IncomingHttpHeaders} headers @param {import("node:http").ServerResponse} response */
  #announce(headers, response) {
    const metadata = parseMetadata(String(headers["upload-metadata"]));
    const name = metadata.get("model") ?? "";
    const model = this.model(name);
    if (!model) return this.#unknown(name, response);
    const ids = (metadata.get("have") ?? "").split(",").filter((id) => id !== "");
    const have = ids.map((id) => this.#owned(id, headers));
    if (have.some((set) => !set)) return problem(response, 404, "not_found");
    const there = new Set(have.flatMap((set) => set?.keys ?? []));
    const missing = model.description.keys.filter((key) => !there.has(key.name));
    if (missing.length === 0) return problem(response, 422, "nothing_missing");
    const length = Number(headers["upload-length"]);
    const expected = this.manifestBytes
      ? missing.reduce((sum, key) => sum + key.bytes, this.manifestBytes(missing.length))
      : length;
    if (length !== expected) return problem(response, 422, "wrong_upload_length");
    const id = randomBytes(12).toString("hex");
    const capability = have[0]?.capability ?? randomBytes(32).toString("base64url");
    const keys = missing.map((key) => key.name);
    const { scheme } = model.description;
    this.uploads.set(id, { id, capability, scheme, keys, bytes: [], offset: 0, length });
    response.setHeader("Location", `/v1/uploads/${id}`);
    response.setHeader("Blindsight-Capability", capability);
    return response.writeHead(201).end();
  }

  /** @param {string} method @param {string} id @param {import("node:http").IncomingHttpHeaders} headers @param {Buffer} body @param {import("node:http").ServerResponse} response */
  #upload(method, id, headers, body, response) {
    if (method === "POST") return this.#announce(headers, response);
    const upload = this.#owned(id, headers);
    if (!upload) return problem(response, 404, "not_found");
    if (method === "DELETE") {
      this.uploads.delete(id);
      return response.writeHead(204).end();
    }
    if (method === "PATCH") {
      if (Number(headers["upload-offset"]) !== upload.offset) {
        return problem(response, 409, "wrong_offset");
      }
      const [algorithm, expected] = String(headers["upload-checksum"]).split(" ");
      const digest = createHash("sha256").update(body).digest("base64");
      if (algorithm !== "sha256" || digest !== expected) {
        return problem(response, 460, "checksum_mismatch");
      }
      this.append(upload, body);
      if (upload.offset === upload.length) response.setHeader("Blindsight-Keys", id);
    }
    response.setHeader("Upload-Offset", upload.offset);
    response.setHeader("Upload-Length", upload.length);
    response.writeHead(method === "PATCH" ? 204 : 200).end();
  }

  /** Stores bytes at the end of an upload. @param {Upload} upload @param {Buffer} bytes */
  append(upload, bytes) {
    upload.bytes.push(bytes);
    upload.offset += bytes.length;
  }

  /** @param {string} id @param {import("node:http").IncomingHttpHeaders} headers */
  #owned(id, headers) {
    const upload = this.uploads.get(id);
    return upload && headers["blindsight-capability"] === upload.capability ? upload : null;
  }

  /** @param {string} method @param {string} id @param {string | undefined} rest @param {import("node:http").IncomingHttpHeaders} headers @param {Buffer} body @param {import("node:http").ServerResponse} response */
  #keys(method, id, rest, headers, body, response) {
    const upload = this.#owned(id, headers);
    if (!upload) return problem(response, 404, "not_found");
    if (method === "DELETE") {
      this.uploads.delete(id);
      return response.writeHead(204).end();
    }
    if (upload.offset !== upload.length) return problem(response, 404, "not_found");
    const all = Buffer.concat(upload.bytes);
    if (method === "GET") {
      const { scheme } = upload;
      return json(response, 200, { id, sha256: sha256(all), scheme, bytes: all.length });
    }
    const [what, query] = (rest ?? "").split("?");
    if (method !== "POST" || what !== "jobs") return problem(response, 405, "method_not_allowed");
    const asked = new URLSearchParams(query);
    const named = asked.get("model");
    if (!named) return problem(response, 422, "model_missing");
    const model = this.model(named);
    if (!model) return this.#unknown(named, response);
    const others = (asked.get("with") ?? "").split(",").filter((each) => each !== "");
    const sets = others.map((each) => this.#owned(each, headers));
    if (sets.some((set) => !set)) return problem(response, 404, "not_found");
    const there = new Set([upload, ...sets].flatMap((set) => set?.keys ?? []));
    if (!model.description.keys.every((key) => there.has(key.name))) {
      return problem(response, 422, "keys_do_not_fit");
    }
    if (body.length !== model.description.requestBytes) {
      return problem(response, 422, "wrong_length");
    }
    const idempotency = headers["idempotency-key"];
    const key = typeof idempotency === "string" ? idempotency : undefined;
    let job = [...this.jobs.values()].find((each) => key && each.idempotency === key);
    if (!job) {
      const name = randomBytes(12).toString("hex");
      const base = { state: "queued", step: 0, request: body, evaluate_seconds: null };
      job = { id: name, keys: id, model: named, with: others, idempotency: key, ...base };
      this.jobs.set(name, job);
    }
    json(response, 202, this.#document(job));
  }

  /** @param {FakeJob} job */
  #document(job) {
    return {
      id: job.id,
      keys: job.keys,
      model: job.model,
      state: job.state,
      position: job.state === "queued" ? 0 : null,
      step: job.step,
      steps: 4,
      eta_seconds: null,
      attempts: 1,
      error: job.state === "failed" ? { code: "broken", detail: "it broke" } : null,
      evaluate_seconds: job.evaluate_seconds,
    };
  }

  /** One step further. @param {FakeJob} job */
  advance(job) {
    if (!this.working || !["queued", "running"].includes(job.state)) return;
    if (job.state === "queued") job.state = "running";
    else if (job.step < 4) job.step += 1;
    else {
      job.state = "done";
      job.evaluate_seconds = 0.001;
    }
  }

  /** @param {string} method @param {string} id @param {string | undefined} rest @param {import("node:http").IncomingHttpHeaders} headers @param {import("node:http").ServerResponse} response */
  async #job(method, id, rest, headers, response) {
    const job = this.jobs.get(id);
    if (!job || !this.#owned(job.keys, headers)) return problem(response, 404, "not_found");
    if (method === "DELETE") {
      if (["queued", "running"].includes(job.state)) job.state = "cancelled";
      return json(response, 200, this.#document(job));
    }
    if (rest === "result") {
      if (job.state !== "done") return problem(response, 409, "not_ready");
      response.setHeader("Content-Type", "application/octet-stream");
      return response.writeHead(200).end(this.answer);
    }
    if (rest !== "events") {
      this.advance(job);
      return json(response, 200, this.#document(job));
    }
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    let number = Number(headers["last-event-id"] ?? 0);
    while (!response.destroyed) {
      number += 1;
      response.write(`id: ${number}\nevent: job\ndata: ${JSON.stringify(this.#document(job))}\n\n`);
      if (!["queued", "running"].includes(job.state)) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
      this.advance(job);
    }
    response.end();
  }
}

/** The length of an upload of all keys. @param {Description} said */
function whole(said) {
  return said.keys.reduce((sum, key) => sum + key.bytes, said.manifestBytes);
}

/** @param {Uint8Array} bytes */
function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** @param {string} text */
function parseMetadata(text) {
  const pairs = text.split(",").map((pair) => pair.split(" "));
  return new Map(
    pairs.map(([key = "", value = ""]) => [key, Buffer.from(value, "base64").toString()]),
  );
}

/** @param {import("node:http").ServerResponse} response @param {number} status @param {object} document */
export function json(response, status, document) {
  response.setHeader("Content-Type", "application/json");
  response.writeHead(status).end(JSON.stringify(document));
}

/** @param {import("node:http").ServerResponse} response @param {number} status @param {string} code */
export function problem(response, status, code) {
  response.setHeader("Content-Type", "application/problem+json");
  const document = {
    type: "about:blank",
    title: code,
    status,
    code,
    detail: `the fake says ${code}`,
  };
  response.writeHead(status).end(JSON.stringify(document));
}
