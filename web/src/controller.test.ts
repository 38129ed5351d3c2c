import { describe, expect, it } from "vitest";
import { Controller } from "./controller.ts";
import { Drawing } from "./digit.ts";
import type { Flag } from "./flags.ts";
import type { Control, Facts, Open, Preview, Sdk, Stored } from "./sdk/port.ts";
import { canDraw, phase } from "./state.ts";

const input = { kind: "photo", channels: 3, rows: 32, columns: 32, largest: 64 } as const;
const facts = { id: "small", input, classes: ["cat"], keyBytes: 10 } as unknown as Facts;
const preview = { kind: "picture", side: 32, rgb: new Uint8Array(3072) } as Preview;
const answer = {
  label: "cat",
  class: 0,
  scores: [1],
  seconds: { encrypt: 1, evaluate: 1, decrypt: 1, total: 1 },
};
const picture = new Blob(["picture"]);

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** An SDK whose answers a test may replace. */
function sdk(parts: Partial<Sdk> = {}): Sdk & { calls: string[] } {
  const calls: string[] = [];
  let stored: Stored = { at: "none" };
  const base: Sdk = {
    facts,
    offers: () => Promise.resolve([]),
    use: () => undefined,
    stored: () => Promise.resolve(stored),
    preview: () => Promise.resolve(preview),
    prepareKeys: (_control, { persist }) => {
      stored = { at: "kept", since: new Date(0) };
      return Promise.resolve({ persisted: persist });
    },
    classify: () => Promise.resolve(answer),
    encoders: [],
    embed: () => Promise.reject(failure("invalid_argument")),
    forget: () => {
      stored = { at: "none" };
      return Promise.resolve();
    },
    close: () => undefined,
    ...parts,
  };
  return {
    ...base,
    calls,
    prepareKeys: (control, options) => {
      calls.push(`keys ${options.persist ? "kept" : "not kept"}`);
      return base.prepareKeys(control, options);
    },
    classify: (source, control) => {
      calls.push("classify");
      return base.classify(source, control);
    },
    forget: () => {
      calls.push("forget");
      return base.forget();
    },
  };
}

function flag(on = false): Flag {
  return { get: () => on, set: (to) => void (on = to) };
}

function controller(
  open: Open,
  online = true,
  halted: Flag = flag(),
  labelOnly: Flag = flag(),
): Controller {
  return new Controller({
    halted,
    labelOnly,
    url: "https://host",
    open,
    online: () => online,
    onState: () => undefined,
    onRequest: () => undefined,
  });
}

async function withPicture(one: Sdk): Promise<Controller> {
  const page = controller(() => Promise.resolve(one));
  await page.connect();
  await page.choose(picture, "cat.png");
  return page;
}

/** Waits like a server would, until the signal fires. */
function untilAborted({ signal }: Control): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(failure("aborted")));
  });
}

describe("the controller", () => {
  it("makes keys, then asks", async () => {
    const one = sdk();
    const page = await withPicture(one);
    await page.classify();
    expect(one.calls).toEqual(["keys kept", "classify"]);
    expect(page.state.run).toEqual({ at: "done", answer });
  });

  it("says that the server is down, and connects when told to try again", async () => {
    let tries = 0;
    const page = controller(() => {
      tries++;
      return tries === 1 ? Promise.reject(failure("network")) : Promise.resolve(sdk());
    });
    await page.connect();
    expect(page.state.service).toMatchObject({ at: "down", problem: { code: "network" } });
    await page.remedy();
    expect(page.state.service.at).toBe("ready");
  });

  it("tells offline from a server that is down", async () => {
    const page = controller(() => Promise.reject(failure("network")), false);
    await page.connect();
    expect(page.state.service).toMatchObject({ problem: { code: "offline" } });
  });

  it("reads a picture that was chosen before the server was there", async () => {
    let tries = 0;
    const page = controller(() =>
      ++tries < 3 ? Promise.reject(failure("network")) : Promise.resolve(sdk()),
    );
    await page.connect();
    await page.choose(picture, "cat.png");
    expect(page.state.picture.at).toBe("reading");
    await page.connect();
    expect(page.state.picture).toMatchObject({ at: "ready", name: "cat.png" });
  });

  it("says that a picture is corrupt, and takes another", async () => {
    let tries = 0;
    const one = sdk({
      preview: () =>
        ++tries === 1 ? Promise.reject(failure("unsupported_picture")) : Promise.resolve(preview),
    });
    const page = await withPicture(one);
    expect(page.state.picture).toMatchObject({
      at: "unreadable",
      problem: { code: "unsupported_picture", remedy: "choose" },
    });
    await page.choose(picture, "cat.png");
    expect(page.state.picture.at).toBe("ready");
  });

  it("cancels while keys are made and while the server computes", async () => {
    for (const stuck of [
      sdk({ prepareKeys: untilAborted }),
      sdk({ classify: (_, c) => untilAborted(c) }),
    ]) {
      const page = await withPicture(stuck);
      const run = page.classify();
      await Promise.resolve();
      page.cancel();
      expect(phase(page.state)).toBe("cancelling");
      await run;
      expect(page.state.run).toEqual({ at: "idle", note: "cancelled" });
    }
  });

  it("renews lost keys once, and gives up the second time", async () => {
    let losses = 1;
    const classify = (): ReturnType<Sdk["classify"]> =>
      losses-- > 0 ? Promise.reject(failure("keys_lost")) : Promise.resolve(answer);
    const one = sdk({ classify });
    const page = await withPicture(one);
    await page.classify();
    expect(one.calls).toEqual(["keys kept", "classify", "keys kept", "classify"]);
    expect(page.state.run.at).toBe("done");
    losses = 2;
    await page.classify();
    expect(page.state.run).toMatchObject({ at: "failed", problem: { code: "keys_lost" } });
  });

  it("goes on without storage when there is none", async () => {
    const one = sdk({
      prepareKeys: (_, { persist }) =>
        persist ? Promise.reject(failure("storage_quota")) : Promise.resolve({ persisted: false }),
    });
    const page = await withPicture(one);
    await page.classify();
    expect(page.state.run).toMatchObject({ problem: { remedy: "without-storage" } });
    await page.remedy();
    expect(page.state.run.at).toBe("done");
    expect(page.state.keys).toMatchObject({ at: "kept", persisted: false });
  });

  it("deletes damaged keys before it starts over", async () => {
    let damaged = true;
    const one = sdk({
      prepareKeys: () =>
        damaged ? Promise.reject(failure("storage_corrupt")) : Promise.resolve({ persisted: true }),
      forget: () => {
        damaged = false;
        return Promise.resolve();
      },
    });
    const page = await withPicture(one);
    await page.classify();
    await page.remedy();
    expect(one.calls).toEqual(["keys kept", "forget", "keys kept", "classify"]);
    expect(page.state.run.at).toBe("done");
  });

  it("tries again after a full queue", async () => {
    let full = true;
    const one = sdk({
      classify: () => {
        const busy = full;
        full = false;
        return busy ? Promise.reject(failure("server_busy")) : Promise.resolve(answer);
      },
    });
    const page = await withPicture(one);
    await page.classify();
    expect(page.state.run).toMatchObject({ at: "failed", problem: { code: "server_busy" } });
    await page.remedy();
    expect(page.state.run.at).toBe("done");
  });

  it("goes on with an unfinished upload by itself", async () => {
    const one = sdk({ stored: () => Promise.resolve({ at: "unfinished", since: new Date(0) }) });
    const page = controller(() => Promise.resolve(one));
    await page.connect();
    expect(one.calls).toEqual(["keys kept"]);
    expect(page.state.run).toEqual({ at: "idle", note: "keys-ready" });
  });

  it("does not go on with an upload that the person stopped", async () => {
    const notes: boolean[] = [];
    const halted = { get: () => notes.at(-1) ?? false, set: (to: boolean) => void notes.push(to) };
    const stored: Stored = { at: "unfinished", since: new Date(0) };
    const stuck = sdk({ stored: () => Promise.resolve(stored), prepareKeys: untilAborted });
    const page = controller(() => Promise.resolve(stuck), true, halted);
    const run = page.connect();
    await expect.poll(() => page.state.run.at).toBe("running");
    page.cancel();
    await run;
    expect(notes).toEqual([false, true]);
    const one = sdk({ stored: () => Promise.resolve(stored) });
    const later = controller(() => Promise.resolve(one), true, halted);
    await later.connect();
    expect(one.calls).toEqual([]);
    await later.choose(picture, "cat.png");
    await later.classify();
    expect(one.calls).toEqual(["keys kept", "classify"]);
    expect(notes.at(-1)).toBe(false);
  });

  it("asks for a token until it is right", async () => {
    const tokens: (string | null)[] = [];
    const page = controller((_url, { token }) => {
      tokens.push(token);
      return token === "right" ? Promise.resolve(sdk()) : Promise.reject(failure("unauthorized"));
    });
    await page.connect();
    expect(page.state.service).toEqual({ at: "locked", refused: false });
    await page.unlock("wrong");
    expect(page.state.service).toEqual({ at: "locked", refused: true });
    await page.unlock("right");
    expect(page.state.service.at).toBe("ready");
    expect(tokens).toEqual([null, "wrong", "right"]);
  });

  it("goes on with what the question for a token interrupted, or with a newer wish", async () => {
    for (const another of [false, true]) {
      const closed: string[] = [];
      const locked = sdk({
        classify: () => Promise.reject(failure("unauthorized")),
        close: () => void closed.push("closed"),
      });
      const open = sdk();
      let current: Sdk = locked;
      const page = controller(() => Promise.resolve(current));
      await page.connect();
      await page.choose(picture, "cat.png");
      await page.classify();
      expect(page.state.service.at).toBe("locked");
      expect(closed).toEqual(["closed"]);
      current = open;
      if (another) await page.choose(picture, "dog.png");
      await page.unlock("token");
      expect(open.calls).toEqual(another ? [] : ["keys kept", "classify"]);
      expect(phase(page.state)).toBe(another ? "ready" : "done");
    }
  });

  it("does not say that a locked server has forgotten", async () => {
    const one = sdk({ forget: () => Promise.reject(failure("unauthorized")) });
    const page = await withPicture(one);
    await page.classify();
    await page.forget();
    expect(page.state.run).toMatchObject({ problem: { code: "forgotten_here" } });
    expect(page.state.service.at).toBe("locked");
  });

  it("says what was forgotten when the server is away", async () => {
    const one = sdk({ forget: () => Promise.reject(failure("network")) });
    const page = await withPicture(one);
    await page.classify();
    await page.forget();
    expect(page.state.run).toMatchObject({ at: "failed", problem: { code: "forgotten_here" } });
  });

  it("forgets only what is there", async () => {
    const one = sdk();
    const page = await withPicture(one);
    await page.forget();
    expect(one.calls).toEqual([]);
    await page.classify();
    await page.forget();
    expect(one.calls.at(-1)).toBe("forget");
    expect(page.state.keys.at).toBe("none");
  });
});

describe("a drawing", () => {
  const grey = { kind: "grey", channels: 1, rows: 28, columns: 28, largest: 64 } as const;
  const drawing = () => new Drawing(new Uint8Array(784));
  const asked = (one: { calls: string[] }): number =>
    one.calls.filter((call) => call === "classify").length;

  async function withPad(parts: Partial<Sdk> = {}): Promise<[Controller, { calls: string[] }]> {
    const one = sdk({ facts: { ...facts, input: grey }, ...parts });
    const page = controller(() => Promise.resolve(one));
    await page.connect();
    return [page, one];
  }

  it("waits for the button until there are keys, then is classified by itself", async () => {
    const [page, one] = await withPad();
    await page.draw(drawing());
    await page.classifyDrawing();
    expect(phase(page.state)).toBe("ready");
    expect(page.state.picture).toMatchObject({ drawn: true });
    await page.classify();
    expect(asked(one)).toBe(1);
    await page.draw(drawing());
    await page.classifyDrawing();
    expect(asked(one)).toBe(2);
    expect(page.state.run.at).toBe("done");
    // What is no drawing waits for the button.
    await page.choose(picture, "seven.png");
    await page.classifyDrawing();
    expect(asked(one)).toBe(2);
  });

  it("takes the place of one that is being asked about", async () => {
    let stuck = false;
    const sources: unknown[] = [];
    const [page] = await withPad({
      classify: (source, control) => {
        sources.push(source);
        return stuck ? untilAborted(control) : Promise.resolve(answer);
      },
    });
    await page.draw(drawing());
    await page.classify();
    stuck = true;
    await page.draw(drawing());
    const first = page.classifyDrawing();
    await expect.poll(() => sources.length).toBe(2);
    expect(canDraw(page.state)).toBe(true);
    stuck = false;
    const last = drawing();
    await page.draw(last);
    await first;
    await page.classifyDrawing();
    expect(sources.at(-1)).toBe(last);
    expect(sources).toHaveLength(3);
    expect(page.state.run.at).toBe("done");
  });

  it("is not made while keys are under way", async () => {
    const [page] = await withPad({ prepareKeys: untilAborted });
    await page.draw(drawing());
    const run = page.classify();
    expect(canDraw(page.state)).toBe(false);
    await page.interrupt();
    expect(page.state.run).toMatchObject({ at: "running", cancelling: false });
    page.cancel();
    await run;
  });

  it("is cleared away, with its answer", async () => {
    const [page] = await withPad();
    await page.draw(drawing());
    await page.classify();
    page.clear();
    expect(phase(page.state)).toBe("waiting");
    await page.classify();
    expect(phase(page.state)).toBe("waiting");
  });

  it("is of the last one, in whatever order they are read", async () => {
    const reads: (() => void)[] = [];
    const sources: unknown[] = [];
    const [page] = await withPad({
      preview: () => new Promise((resolve) => reads.push(() => resolve({ ...preview }))),
      classify: (source) => {
        sources.push(source);
        return Promise.resolve(answer);
      },
    });
    const last = drawing();
    const both = [page.choose(drawing(), "first"), page.choose(last, "second")];
    reads[1]?.();
    reads[0]?.();
    await Promise.all(both);
    await page.classify();
    expect(sources).toEqual([last]);
  });
});

describe("a choice of models", () => {
  const offers = [
    { id: "small", model: "Small", missingKeyBytes: 10, seconds: 1 },
    { id: "large", model: "Large", missingKeyBytes: 10, seconds: 2 },
  ].map((offer) => ({ ...offer, input, requestBytes: 1, label: null }));

  /** Two models that share their keys. */
  function two(): Sdk & { calls: string[]; previews: string[] } {
    let chosen = "small";
    let made = false;
    const previews: string[] = [];
    const one = sdk({
      offers: () =>
        Promise.resolve(offers.map((each) => ({ ...each, missingKeyBytes: made ? 0 : 10 }))),
      use: ({ model }) => {
        chosen = model;
      },
      stored: () => Promise.resolve(made ? { at: "kept", since: new Date(0) } : { at: "none" }),
      prepareKeys: () => {
        made = true;
        return Promise.resolve({ persisted: true });
      },
      preview: () => {
        previews.push(chosen);
        return Promise.resolve(preview);
      },
    });
    const get = () => ({ ...facts, id: chosen });
    const property = { get, configurable: true };
    return Object.defineProperty(Object.assign(one, { previews }), "facts", property);
  }

  it("says what each costs, before keys are made and after", async () => {
    const one = two();
    const page = await withPicture(one);
    const costs = (): number[] => {
      const { service } = page.state;
      return service.at === "ready" ? service.offers.map((each) => each.missingKeyBytes) : [];
    };
    expect(costs()).toEqual([10, 10]);
    await page.classify();
    expect(page.state.run.at).toBe("done");
    expect(costs()).toEqual([0, 0]);
  });

  it("takes the picture along and the answer away", async () => {
    const one = two();
    const page = await withPicture(one);
    await page.classify();
    await page.chooseModel("large");
    expect(page.state.run).toEqual({ at: "idle", note: null });
    expect(page.state.service).toMatchObject({ facts: { id: "large" } });
    expect(page.state.keys.at).toBe("kept");
    expect(one.previews).toEqual(["small", "large"]);
    expect(phase(page.state)).toBe("ready");
    await page.chooseModel("large");
    expect(one.previews).toHaveLength(2);
  });

  it("keeps a picture that is chosen while the next model is asked about", async () => {
    const one = two();
    const page = await withPicture(one);
    const switched = page.chooseModel("large");
    await page.choose(new Blob(["another"]), "another");
    await switched;
    expect(page.state.picture).toMatchObject({ at: "ready", name: "another" });
    expect(one.previews).toEqual(["small", "large"]);
  });

  it("puts away what the next model cannot read", async () => {
    const tensor = { kind: "tensor", channels: 1, rows: 1, columns: 2, largest: 64 } as const;
    const one = two();
    const read = () => ({
      ...facts,
      ...(chosen === "large" ? { id: "large", input: tensor } : { id: "small" }),
    });
    let chosen = "small";
    one.use = ({ model }) => {
      chosen = model;
    };
    Object.defineProperty(one, "facts", { get: read });
    const page = await withPicture(one);
    await page.chooseModel("large");
    expect(phase(page.state)).toBe("waiting");
    await page.choose("1 2", "your text");
    expect(phase(page.state)).toBe("ready");
    await page.chooseModel("small");
    expect(phase(page.state)).toBe("waiting");
    expect(one.previews).toHaveLength(2);
  });

  it("waits while something runs", async () => {
    const one = two();
    const page = await withPicture(one);
    const run = page.classify();
    await page.chooseModel("large");
    await run;
    expect(page.state.service).toMatchObject({ facts: { id: "small" } });
    expect(page.state.run.at).toBe("done");
  });
});

describe("a choice of answers", () => {
  /** Models of which some tell the label alone, or nothing else. */
  function telling(): Sdk & { wishes: string[]; calls: string[] } {
    const wishes: string[] = [];
    const only = { only: true, furtherKeyBytes: 0, furtherSeconds: 0 };
    const labels = { both: { ...only, only: false }, scores: null, label: only };
    let now: Pick<Facts, "id" | "answer"> = { id: "both", answer: "scores" };
    const one = sdk({
      offers: () =>
        Promise.resolve(
          Object.entries(labels).map(([id, label]) => {
            return { id, model: id, input, missingKeyBytes: 1, requestBytes: 1, seconds: 1, label };
          }),
        ),
      use: ({ model, answer }) => {
        wishes.push(`${model} ${answer}`);
        now = { id: model, answer: model === "both" ? answer : (model as "scores" | "label") };
      },
    });
    const get = () => ({ ...facts, ...now });
    return Object.defineProperty(Object.assign(one, { wishes }), "facts", { get });
  }

  it("is made for the model, keeps the picture, and takes the answer away", async () => {
    const one = telling();
    const page = await withPicture(one);
    await page.classify();
    await page.chooseAnswer("label");
    expect(page.state.service).toMatchObject({ facts: { id: "both", answer: "label" } });
    expect(phase(page.state)).toBe("ready");
    const before = one.wishes.length;
    await page.chooseAnswer("label");
    expect(one.wishes).toHaveLength(before);
    await page.classify();
    expect(page.state.run.at).toBe("done");
  });

  it("is a wish that other models fulfil as they can", async () => {
    const page = await withPicture(telling());
    const told = () => (page.state.service.at === "ready" ? page.state.service.facts.answer : null);
    await page.chooseAnswer("label");
    await page.chooseModel("scores");
    expect(told()).toBe("scores");
    // There is no choice here, so nothing changes the wish.
    await page.chooseAnswer("scores");
    await page.chooseModel("both");
    expect(told()).toBe("label");
    await page.chooseModel("label");
    await page.chooseAnswer("scores");
    expect(told()).toBe("label");
    await page.chooseModel("both");
    await page.chooseAnswer("scores");
    await page.chooseModel("label");
    expect(told()).toBe("label");
  });

  it("stays when the client is opened anew", async () => {
    const opened: ReturnType<typeof telling>[] = [];
    const page = controller((_url, { token }) => {
      const one = telling();
      one.classify = () =>
        token === null ? Promise.reject(failure("unauthorized")) : Promise.resolve(answer);
      opened.push(one);
      return Promise.resolve(one);
    });
    await page.connect();
    await page.choose(picture, "cat.png");
    await page.chooseAnswer("label");
    await page.classify();
    expect(page.state.service.at).toBe("locked");
    await page.unlock("token");
    expect(opened[1]?.wishes).toEqual(["both label"]);
    expect(page.state).toMatchObject({ service: { facts: { answer: "label" } } });
  });

  it("is remembered for the next visit, and only if there was a choice", async () => {
    const remembered = flag();
    const visit = async (): Promise<Controller> => {
      const page = controller(() => Promise.resolve(telling()), true, flag(), remembered);
      await page.connect();
      return page;
    };
    const first = await visit();
    await first.chooseModel("label");
    expect(remembered.get()).toBe(false);
    await first.chooseModel("both");
    await first.chooseAnswer("label");
    expect(remembered.get()).toBe(true);
    const second = await visit();
    expect(second.state).toMatchObject({ service: { facts: { answer: "label" } } });
    await second.chooseAnswer("scores");
    expect((await visit()).state).toMatchObject({ service: { facts: { answer: "scores" } } });
  });

  it("waits while something runs", async () => {
    const page = await withPicture(telling());
    const run = page.classify();
    await page.chooseAnswer("label");
    await run;
    expect(page.state.service).toMatchObject({ facts: { answer: "scores" } });
  });
});
