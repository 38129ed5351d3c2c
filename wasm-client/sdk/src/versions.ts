import { API_VERSION } from "./http/models.js";
import type { Versions } from "./types.js";

/** Versions of everything that must fit together. A test compares them with the module's own. */
export function getVersions(): Versions {
  return { sdk: "0.1.0", api: API_VERSION, wire: 2, keyGeneration: 2, contract: 1 };
}
