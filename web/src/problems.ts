/** Failures in words: what happened, in a sentence, and what the person can do about it. */

/** What the button beside the sentence does. */
export type Remedy =
  /** The same action again. */
  | "retry"
  /** Another picture. */
  | "choose"
  /** The same action, with keys that are not kept. */
  | "without-storage"
  /** Delete what is kept here, then the same action. */
  | "start-over"
  /** A reload of the page. */
  | "reload"
  /** Nothing on this page helps. */
  | "none";

/** A failure that the page can show. */
export interface Problem {
  /** Stable, for tests and for whoever reports it. */
  readonly code: string;
  readonly title: string;
  readonly sentence: string;
  readonly remedy: Remedy;
}

type Words = readonly [title: string, sentence: string, remedy: Remedy];

const OFFLINE: Words = [
  "You are offline",
  "This device has no network connection. Your keys and the picture stay here; go on when you are back.",
  "retry",
];

/** Not here: `unauthorized`, for which the page asks for a token. */
const WORDS: Readonly<Record<string, Words>> = {
  network: [
    "The server cannot be reached",
    "It may be down, or the connection broke. What was already uploaded is kept, and nothing is lost here.",
    "retry",
  ],
  timeout: [
    "The server does not answer",
    "It took too long to answer. Try again in a moment.",
    "retry",
  ],
  server_busy: [
    "The server is full",
    "Too many pictures are waiting in its queue. Yours was not taken. Try again in a moment.",
    "retry",
  ],
  quota_exceeded: [
    "Enough for today",
    "The server takes no more pictures from you until tomorrow (UTC). Yours was not taken.",
    "none",
  ],
  server_error: [
    "The server failed",
    "It reported a fault of its own. That is not about your picture, which it cannot see.",
    "retry",
  ],
  keys_lost: [
    "The server no longer has your keys",
    "Keys expire there after a while. New ones take a few seconds and one upload.",
    "start-over",
  ],
  upload_refused: ["The server refused the keys", "New keys may help.", "start-over"],
  request_refused: ["The server refused the request", "New keys may help.", "start-over"],
  incompatible: [
    "This page and the server do not fit each other",
    "One of them was updated. Reload the page to get the server’s version.",
    "reload",
  ],
  protocol: [
    "The server said something strange",
    "Its answer makes no sense to this page. Perhaps something else answers at this address.",
    "retry",
  ],
  contract_refused: [
    "This page does not accept what the server asks for",
    "What it says of its models is malformed, too weak to be safe, or more than this device should do. No key was made.",
    "none",
  ],
  answer_unavailable: [
    "This model does not tell that",
    "Its owner gives the label alone, or does not offer it. Reload the page to see what there is now.",
    "reload",
  ],
  job_failed: [
    "The server could not finish",
    "It took the ciphertext, but the computation failed there.",
    "retry",
  ],
  job_cancelled: ["The server stopped", "The computation was cancelled on the server.", "retry"],
  result_gone: ["The answer is gone", "The server keeps answers only for a while.", "retry"],
  bad_answer: [
    "The answer cannot be decrypted",
    "The server sent something that is not an answer under your key. Do not trust it with more.",
    "retry",
  ],
  storage_quota: [
    "No room to keep the keys",
    "This browser has no storage left for this page. You can go on without keeping the keys; they are then made anew at each visit.",
    "without-storage",
  ],
  storage_unavailable: [
    "Keys cannot be kept here",
    "This browser does not let the page store anything, perhaps because this is a private window. You can go on without.",
    "without-storage",
  ],
  storage_corrupt: [
    "The kept keys cannot be opened",
    "What this browser kept is damaged. New keys take a few seconds and one upload.",
    "start-over",
  ],
  unsupported_picture: [
    "That is not a picture this browser can read",
    "The file is damaged or of an unknown kind. PNG, JPEG, WebP, BMP, GIF and AVIF work; a HEIC photo must be saved as one of these first.",
    "choose",
  ],
  picture_too_large: ["That picture is too large", "Choose one with fewer pixels.", "choose"],
  // The sentence is the SDK's: it says how many were expected and found.
  unsupported_numbers: ["These are not the numbers that the model reads", "", "none"],
  unsupported_environment: [
    "This browser cannot do it",
    "Encryption here needs WebAssembly with SIMD, workers and a secure (https) address.",
    "none",
  ],
  no_entropy: [
    "No randomness",
    "This browser gives the page no random numbers, and without them there is no secret.",
    "none",
  ],
  worker_failed: [
    "The encryption stopped",
    "A worker of this page could not start or died, perhaps for lack of memory. Closing other tabs may help.",
    "retry",
  ],
};

/** The keys are deleted here, which cannot fail for want of a server; there they are not. */
const FORGOTTEN_HERE = problem("forgotten_here", [
  "Deleted here, not on the server",
  "The server could not be told. Without the secret key, which is gone, the keys it has serve nobody, and they expire there.",
  "none",
]);

const UNTOLD: readonly string[] = [
  "network",
  "timeout",
  "server_busy",
  "server_error",
  "unauthorized",
];

/** A failure to forget, in words. */
export function describeForgetting(error: unknown, online: boolean): Problem {
  return UNTOLD.includes(codeOf(error)) ? FORGOTTEN_HERE : describe(error, online);
}

/** Whatever was thrown, in words. */
export function describe(error: unknown, online: boolean): Problem {
  const code = codeOf(error);
  if (!online && (code === "network" || code === "timeout")) return problem("offline", OFFLINE);
  const words = WORDS[code];
  if (words === undefined) return problem(code, ["Something went wrong", said(error), "retry"]);
  const [title, sentence, remedy] = words;
  return problem(code, [title, sentence || capital(said(error)), remedy]);
}

/** The error's own words, as a sentence. */
function said(error: unknown): string {
  const detail = error instanceof Error ? error.message : String(error);
  return `${detail || "There is no more to say"}.`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

/** Whether this is the end of an action that the person cancelled. */
export function isAbort(error: unknown): boolean {
  return codeOf(error) === "aborted" || (error instanceof Error && error.name === "AbortError");
}

/** The stable code of an error of the SDK; `unexpected` for anything else. */
export function codeOf(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error) {
    const { code } = error;
    if (typeof code === "string") return code;
  }
  return "unexpected";
}

function problem(code: string, [title, sentence, remedy]: Words): Problem {
  return { code, title, sentence, remedy };
}
