// Workers where a site allows scripts only from addresses that a policy has looked at (Trusted Types).

/** The name of the policy, for a site's `trusted-types`. */
const POLICY = "blindsight-worker";

/** TypeScript's library does not know them yet. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy;
}

interface Policy {
  createScriptURL(url: string): URL;
}

/** Defined by webpack. */
declare const __webpack_require__: unknown;

/** Starts the worker. Without cookies: a site's own are of no use to it. */
export function startWorker(): Worker {
  // Bundlers recognise exactly this form, and webpack only where nothing else is called `Worker`. It
  // has a policy of its own (`output.trustedTypes`), so that it loses nothing.
  if (typeof __webpack_require__ === "undefined" && trustedWorker) {
    const Worker = trustedWorker;
    return new Worker(new URL("../worker/worker.js", import.meta.url), {
      type: "module",
      name: "blindsight",
      credentials: "omit",
    });
  }
  return new Worker(new URL("../worker/worker.js", import.meta.url), {
    type: "module",
    name: "blindsight",
    credentials: "omit",
  });
}

/** `Worker`, for the one script of this package; undefined where there are no Trusted Types. */
const trustedWorker = trusted();

function trusted(): typeof Worker | undefined {
  const policy = makePolicy();
  if (!policy) return undefined;
  return new Proxy(Worker, {
    construct(target, [url, options]: [string | URL, WorkerOptions]) {
      return new target(policy.createScriptURL(String(url)), options);
    },
  });
}

function makePolicy(): Policy | undefined {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  // Without a document there is nothing that a site could inject into.
  if (!trustedTypes || typeof document !== "object") return undefined;
  let own: string | undefined;
  try {
    return trustedTypes.createPolicy(POLICY, {
      createScriptURL(url) {
        own ??= url;
        if (url === own && new URL(url, document.baseURI).origin === location.origin) return url;
        throw new TypeError(`"${url}" is not the worker of this package`);
      },
    });
  } catch {
    // The site allows other policies only. Perhaps a default one lets the worker through.
    return undefined;
  }
}
