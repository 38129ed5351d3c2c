import { afterEach, beforeEach } from "vitest";

import { BlindsightError } from "../src/errors.js";
import type { ConnectOptions } from "../src/types.js";
import { DeviceStore, FakeWorkers, MODEL, TestClient, fakePlatform } from "./fake-platform.js";
import { FakeServer } from "./fake-server.mjs";

/** A server, and a device whose store survives its clients. */
export class Scene {
  server = new FakeServer(MODEL);
  workers = new FakeWorkers();
  store = new DeviceStore();
  readonly #clients: TestClient[] = [];

  /** A client on this device. It is closed with the scene. */
  async connect(options: ConnectOptions = {}): Promise<TestClient> {
    const platform = fakePlatform(this.workers, this.store);
    const client = await TestClient.connect(platform, this.server.url, options);
    this.#clients.push(client);
    return client;
  }

  /** The secrets that this device keeps. */
  secrets(): string[] {
    return [...this.store.records.values()].map((record) => record.secret.sealed.join());
  }

  /** Everything that was uploaded. */
  whole(): Buffer {
    const [upload] = [...this.server.uploads.values()];
    return Buffer.concat(upload?.bytes ?? []);
  }

  async close(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    await this.server.close();
  }
}

/** A scene that is new for every test of a file. */
export function freshScene(): () => Scene {
  let scene: Scene;
  beforeEach(async () => {
    scene = new Scene();
    await scene.server.listen();
  });
  afterEach(() => scene.close());
  return () => scene;
}

/** The code with which work fails. */
export async function code(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => "no error",
    (reason: unknown) => reason,
  );
  return error instanceof BlindsightError ? error.code : String(error);
}

/** 32 x 32 pixels. */
export const PICTURE = new Uint8Array(3072).fill(9);
