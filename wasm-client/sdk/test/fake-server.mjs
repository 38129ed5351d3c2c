// @ts-check
// A server in memory that speaks the API and understands nothing: for tests of the client alone.
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";

/**
 * @typedef {object} Shape What the server expects.
 * @property {string} fingerprint
 * @property {number} log2Degree
 * @property {number} manifestBytes
 * @property {number[]} keyBytes
 * @property {number} requestBytes
 *
 * @typedef {(request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse,
 *   server: FakeServer) => boolean | Promise<boolean>} Fault Whether it took over the request.
 *
 * @typedef {{ id: string, capability: string, bytes: Buffer[], offset: number, length: number, gone: boolean }} Upload
 * @typedef {{ id: string, keys: string, state: string, step: number, idempotency: string | undefined,
 *   request: Buffer, evaluate_seconds: number | null }} FakeJob
 */

/** Ten made-up names. */
export const CLASSES = Array.from({ length: 10 }, (_, index) => `class ${index}`);

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

  /** @param {Shape} shape */
  constructor(shape) {
    this.shape = shape;
    this.length = shape.keyBytes.reduce((sum, bytes) => sum + bytes, shape.manifestBytes);
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
    if (kind === "models") return json(response, 200, this.#models());
    if (kind === "uploads") return this.#upload(method, id, headers, body, response);
    if (kind === "keys") return this.#keys(method, id, rest, headers, body, response);
    if (kind === "jobs") return this.#job(method, id, rest, headers, response);
    problem(response, 404, "not_found");
  }

  #models() {
    const { shape } = this;
    return {
      api: "1",
      server: { version: "fake" },
      models: [
        {
          id: "fake-model",
          name: "A model",
          classes: CLASSES,
          normalisation: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
          score_bound: 20,
          parameters: { fingerprint: shape.fingerprint, log2_degree: shape.log2Degree },
          evaluation_keys: {
            count: shape.keyBytes.length,
            manifest_bytes: shape.manifestBytes,
            bytes: this.length,
            key_bytes: shape.keyBytes,
          },
          request_bytes: shape.requestBytes,
          response_bytes: 90_000,
          steps: 4,
        },
      ],
      limits: { queue: 4, jobs_per_keys: 4 },
    };
  }

  /** @param {string} method @param {string} id @param {import("node:http").IncomingHttpHeaders} headers @param {Buffer} body @param {import("node:http").ServerResponse} response */
  #upload(method, id, headers, body, response) {
    if (method === "POST") {
      if (Number(headers["upload-length"]) !== this.length) {
        return problem(response, 400, "wrong_length");
      }
      const name = randomBytes(12).toString("hex");
      const capability = randomBytes(32).toString("base64url");
      const { length } = this;
      this.uploads.set(name, { id: name, capability, bytes: [], offset: 0, length, gone: false });
      response.setHeader("Location", `/v1/uploads/${name}`);
      response.setHeader("Blindsight-Capability", capability);
      return response.writeHead(201).end();
    }
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
    const whole = Buffer.concat(upload.bytes);
    if (method === "GET") {
      const sha256 = createHash("sha256").update(whole).digest("hex");
      return json(response, 200, { id, sha256, model: "fake-model", bytes: whole.length });
    }
    if (method !== "POST" || rest !== "jobs") return problem(response, 405, "method_not_allowed");
    if (body.length !== this.shape.requestBytes) return problem(response, 422, "wrong_length");
    const idempotency = headers["idempotency-key"];
    const key = typeof idempotency === "string" ? idempotency : undefined;
    let job = [...this.jobs.values()].find((each) => key && each.idempotency === key);
    if (!job) {
      const name = randomBytes(12).toString("hex");
      const base = { state: "queued", step: 0, request: body, evaluate_seconds: null };
      job = { id: name, keys: id, idempotency: key, ...base };
      this.jobs.set(name, job);
    }
    json(response, 202, this.#document(job));
  }

  /** @param {FakeJob} job */
  #document(job) {
    return {
      id: job.id,
      keys: job.keys,
      model: "fake-model",
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
