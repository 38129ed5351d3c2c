import { base64 } from "../bytes.js";
import { BlindsightError } from "../errors.js";
import { IDENTIFIER, integerHeader } from "../validate.js";
import type { Http, HttpAnswer } from "./http.js";

/** Where an upload is, and what opens it. */
export interface UploadHandle {
  id: string;
  capability: string;
}

/** What the server says of an upload. */
export interface UploadState {
  offset: number;
  /** Identifier of the key set, once the last byte is there. */
  keys: string | null;
}

const TUS = { "Tus-Resumable": "1.0.0" };

/** An upload by tus 1.0.0: core, creation, checksum, termination. */
export class TusUploads {
  readonly #http: Http;

  /** Uploads below `v1/uploads`. */
  constructor(http: Http) {
    this.#http = http;
  }

  /**
   * Announces an upload of the keys of a model that are in none of the key sets `have`. It comes
   * under their capability, if there are any.
   */
  async create(
    { model, length, have }: { model: string; length: number; have: readonly UploadHandle[] },
    signal: AbortSignal,
  ): Promise<UploadHandle> {
    const text = (value: string) => base64(new TextEncoder().encode(value));
    const metadata = [`model ${text(model)}`];
    if (have.length > 0) metadata.push(`have ${text(have.map((set) => set.id).join(","))}`);
    const [first] = have;
    const answer = await this.#http.send({
      method: "POST",
      path: "v1/uploads",
      what: "key-upload",
      headers: {
        ...TUS,
        "Upload-Length": String(length),
        "Upload-Metadata": metadata.join(","),
      },
      ...(first && { capability: first.capability }),
      signal,
      accept: [201],
    });
    const path = answer.headers.get("location") ?? "";
    const id = /\/v1\/uploads\/([A-Za-z0-9_-]{1,100})$/.exec(path)?.[1];
    const capability = answer.headers.get("blindsight-capability") ?? first?.capability ?? "";
    if (first && capability !== first.capability) {
      throw new BlindsightError("protocol", "the server put the keys under another capability");
    }
    if (id === undefined || !/^[A-Za-z0-9_-]{43}$/.test(capability)) {
      throw new BlindsightError("protocol", "the server did not say where to upload");
    }
    return { id, capability };
  }

  /** How far the upload is. */
  async state(upload: UploadHandle, length: number, signal: AbortSignal): Promise<UploadState> {
    const answer = await this.#http.send({
      method: "HEAD",
      path: `v1/uploads/${upload.id}`,
      what: "key-upload",
      headers: TUS,
      capability: upload.capability,
      signal,
      accept: [200, 204],
    });
    const total = integerHeader(answer.headers, "upload-length");
    if (total !== null && total !== length) {
      throw new BlindsightError("protocol", "the server expects an upload of another length");
    }
    return progress(answer, upload, length);
  }

  /** Appends bytes at an offset; the answer says how far the upload is then. */
  async append(
    upload: UploadHandle,
    piece: {
      offset: number;
      bytes: Uint8Array<ArrayBuffer>;
      sha256: Uint8Array;
      sha256Hex: string;
    },
    length: number,
    signal: AbortSignal,
  ): Promise<UploadState> {
    const answer = await this.#http.send({
      method: "PATCH",
      path: `v1/uploads/${upload.id}`,
      what: "key-upload",
      headers: {
        ...TUS,
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": String(piece.offset),
        "Upload-Checksum": `sha256 ${base64(piece.sha256)}`,
      },
      body: piece.bytes,
      sha256: piece.sha256Hex,
      capability: upload.capability,
      signal,
      accept: [204],
      timeoutSeconds: 300,
    });
    return progress(answer, upload, length);
  }
}

function progress(answer: HttpAnswer, upload: UploadHandle, length: number): UploadState {
  const offset = integerHeader(answer.headers, "upload-offset");
  if (offset === null || offset > length) {
    throw new BlindsightError("protocol", "the server did not say how far the upload is");
  }
  const named = answer.headers.get("blindsight-keys");
  if (named !== null && !IDENTIFIER.test(named)) {
    throw new BlindsightError("protocol", "the server gave the keys a name that is none");
  }
  return { offset, keys: offset === length ? (named ?? upload.id) : null };
}
