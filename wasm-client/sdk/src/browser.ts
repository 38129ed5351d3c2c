import { CoreClient } from "./client.js";
import { connect } from "./connect.js";
import { browser } from "./platform/browser.js";
import type { ConnectOptions } from "./types.js";

export * from "./index.js";

/** A connection to a server that classifies pictures without seeing them. */
export class Client extends CoreClient {
  /** Asks the server for its models and checks them. Nothing about keys or pictures happens here. */
  static async connect(url: string | URL, options: ConnectOptions = {}): Promise<Client> {
    const { context, offer } = await connect(browser, url, options);
    return new Client(context, offer);
  }
}
