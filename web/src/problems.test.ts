import { expect, it } from "vitest";
import { describe as put, describeForgetting, isAbort } from "./problems.ts";

// Every code of the SDK that a person can run into. `closed`, `aborted` and `invalid_argument`
// come only from this page's own doing; `unauthorized` is no problem but a question.
const CODES = [
  "unsupported_environment",
  "unsupported_picture",
  "picture_too_large",
  "unsupported_numbers",
  "network",
  "timeout",
  "server_busy",
  "quota_exceeded",
  "server_error",
  "keys_lost",
  "upload_refused",
  "request_refused",
  "incompatible",
  "protocol",
  "answer_unavailable",
  "job_failed",
  "job_cancelled",
  "result_gone",
  "bad_answer",
  "storage_unavailable",
  "storage_quota",
  "storage_corrupt",
  "no_entropy",
  "worker_failed",
];

it("has words for every code", () => {
  for (const code of CODES) {
    const problem = put(Object.assign(new Error("raw"), { code }), true);
    expect(problem.code).toBe(code);
    expect(problem.title).not.toBe("Something went wrong");
    expect(problem.sentence).toMatch(/\.$/);
  }
});

it("has words for what nobody expected", () => {
  expect(put(new TypeError("x is not a function"), true)).toMatchObject({
    code: "unexpected",
    sentence: "x is not a function.",
    remedy: "retry",
  });
  expect(put(undefined, true).code).toBe("unexpected");
});

it("says of numbers what the SDK says of them", () => {
  const message = "the model reads 6 numbers (2 × 1 × 3), but there are 2";
  const error = Object.assign(new Error(message), { code: "unsupported_numbers" });
  expect(put(error, true)).toMatchObject({
    sentence: "The model reads 6 numbers (2 × 1 × 3), but there are 2.",
    remedy: "none",
  });
});

it("blames the connection only when it is the connection", () => {
  expect(put({ code: "network" }, false).code).toBe("offline");
  expect(put({ code: "storage_quota" }, false).code).toBe("storage_quota");
});

it("does not claim that the server has forgotten when it has not", () => {
  for (const code of ["network", "unauthorized"]) {
    expect(describeForgetting({ code }, true).code).toBe("forgotten_here");
  }
  expect(describeForgetting({ code: "storage_corrupt" }, true).code).toBe("storage_corrupt");
});

it("knows an abort", () => {
  expect(isAbort({ code: "aborted" })).toBe(true);
  expect(isAbort(new DOMException("stop", "AbortError"))).toBe(true);
  expect(isAbort({ code: "network" })).toBe(false);
});
