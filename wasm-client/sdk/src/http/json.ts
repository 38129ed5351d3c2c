import { BlindsightError } from "../errors.js";

/** JSON from the server. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = "the server's answer is not JSON";
    throw new BlindsightError("protocol", message, { cause: error });
  }
}

/** The JSON in an answer's body. */
export function bodyJson(answer: { body: Uint8Array }): unknown {
  return parsed(new TextDecoder().decode(answer.body));
}
