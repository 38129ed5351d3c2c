// Everything that the browser sends passes here: a forward proxy that keeps all requests.
import { createHash } from "node:crypto";
import http from "node:http";

/** Whether a request is one of the service, not of the page's own files. */
export const api = (request) => request.path.startsWith("/v1/");

/** Bytes of keys that were sent, those of broken requests included. */
export const uploaded = (tap) =>
  tap.requests.filter((r) => r.method === "PATCH").reduce((n, r) => n + r.sent, 0);

/** What was asked of anybody but the evaluator: by a page, or by something that is not Chromium. */
export const strangers = (visitor, tap) => [
  ...visitor.elsewhere(tap.origin),
  ...tap.strangers.filter((request) => !isChromiumsOwn(request)),
];

/**
 * Services that Chromium asks of itself, when it likes and whatever page is open: updates,
 * experiments, accounts, push messages. The tap lets nothing through. Those that would hear of a
 * page, such as autofill's, are not among them.
 */
const CHROMIUMS_OWN = [
  /^update\.googleapis\.com$/,
  /^([\w-]+\.)+gvt1\.com$/,
  /^clientservices\.googleapis\.com$/,
  /^accounts\.google\.com$/,
  /^(android\.)?clients\d*\.google\.com$/,
  /^mtalk\.google\.com$/,
];

/** Of a line such as `CONNECT host:443` or `POST http://host/path`. */
function isChromiumsOwn(request) {
  const [method, target] = request.split(" ");
  const url = method === "CONNECT" ? `http://${target}` : target;
  const { hostname } = new URL(url, "http://direct.invalid");
  return CHROMIUMS_OWN.some((service) => service.test(hostname));
}

/** A forward proxy between the browser and everything else. */
export class Tap {
  /** Requests in the order of their arrival. */
  requests = [];
  /** Attempts to reach anything but the evaluator. */
  strangers = [];
  /** Set to refuse connections, as a server that is down does. */
  down = false;
  /** Called with each request and the bytes of its body so far; returns true to cut it. */
  cut = () => false;
  #server;
  #host;

  /** A proxy that lets requests to `host` through, and nothing else. */
  static async open(host) {
    const tap = new Tap();
    tap.#host = host;
    tap.#server = http.createServer((request, response) => tap.#pass(request, response));
    // A tunnel would hide what it carries.
    tap.#server.on("connect", (request, socket) => {
      tap.strangers.push(`CONNECT ${request.url}`);
      socket.destroy();
    });
    tap.#server.on("upgrade", (request, socket) => {
      tap.strangers.push(`UPGRADE ${request.url}`);
      socket.destroy();
    });
    await new Promise((resolve) => tap.#server.listen(0, "127.0.0.1", resolve));
    return tap;
  }

  /** For the browser's `proxy` option: loopback goes through it, too. */
  get proxy() {
    return { server: `http://127.0.0.1:${this.#server.address().port}`, bypass: "<-loopback>" };
  }

  /** The only origin that it lets requests through to. */
  get origin() {
    return `http://${this.#host}`;
  }

  /** Requests from now on: forgets those before. */
  clear() {
    this.requests.length = 0;
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(incoming, outgoing) {
    const url = new URL(incoming.url, "http://direct.invalid");
    if (url.host !== this.#host) {
      this.strangers.push(`${incoming.method} ${incoming.url}`);
      outgoing.destroy();
      return;
    }
    if (this.down) {
      outgoing.destroy();
      return;
    }
    const record = new Recorded(incoming, url);
    this.requests.push(record);
    const upstream = http.request(url, { method: incoming.method, headers: incoming.headers });
    const end = () => {
      upstream.destroy();
      outgoing.destroy();
    };
    incoming.on("data", (chunk) => {
      record.add(chunk);
      if (this.cut(record)) {
        record.wasCut = true;
        incoming.destroy();
        end();
        return;
      }
      if (!upstream.write(chunk)) {
        incoming.pause();
        upstream.once("drain", () => incoming.resume());
      }
    });
    incoming.on("end", () => upstream.end());
    incoming.on("error", end);
    outgoing.on("close", () => upstream.destroy());
    upstream.on("error", end);
    upstream.on("response", (response) => {
      record.status = response.statusCode;
      outgoing.writeHead(response.statusCode, response.headers);
      response.on("data", (chunk) => (record.received += chunk.length));
      response.on("error", end);
      response.pipe(outgoing);
    });
  }
}

/** One request as it left the browser. */
class Recorded {
  status = null;
  received = 0;
  sent = 0;
  wasCut = false;
  #chunks = [];
  #body = null;

  constructor(incoming, url) {
    this.method = incoming.method;
    this.url = url.href;
    this.path = url.pathname;
    this.headers = incoming.rawHeaders;
  }

  add(chunk) {
    this.sent += chunk.length;
    this.#chunks.push(chunk);
  }

  /** The whole body. */
  get body() {
    this.#body ??= Buffer.concat(this.#chunks);
    return this.#body;
  }

  /** Everything but the body, as text. */
  get head() {
    return `${this.method} ${this.url}\n${this.headers.join("\n")}`;
  }

  get sha256() {
    return createHash("sha256").update(this.body).digest("hex");
  }
}
