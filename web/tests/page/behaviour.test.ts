import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Stage, stage, type Visit } from "./page.ts";

const cat = readFileSync(fileURLToPath(new URL("../../../samples/03-cat-0.png", import.meta.url)));

let all: Stage;
beforeAll(async () => {
  all = await stage();
});
afterAll(() => all.close());

async function during(query: string, work: (visit: Visit) => Promise<void>): Promise<void> {
  const visit = await all.open(query);
  await work(visit);
  expect(visit.complaints).toEqual([]);
  await visit.close();
}

const text = ({ page }: Visit, id: string): Promise<string> => page.getByTestId(id).innerText();

describe("a picture comes in", () => {
  it("as a file", () =>
    during("", async (visit) => {
      const file = { name: "cat.png", mimeType: "image/png", buffer: cat };
      await visit.page.getByTestId("file").setInputFiles(file);
      await visit.phase("ready");
    }));

  it.each(["dropped", "pasted"])("%s", (how) =>
    during("", async (visit) => {
      await visit.phase("waiting");
      await visit.page.evaluate(async (how) => {
        const image = await (await fetch("./samples/03-cat-0.png")).blob();
        const files = new DataTransfer();
        files.items.add(new File([image], "cat.png", { type: "image/png" }));
        const event =
          how === "dropped"
            ? new DragEvent("drop", { dataTransfer: files, bubbles: true })
            : new ClipboardEvent("paste", { clipboardData: files, bubbles: true });
        document.body.dispatchEvent(event);
      }, how);
      await visit.phase("ready");
    }),
  );

  it("from the camera", () =>
    during("", async (visit) => {
      await visit.phase("waiting");
      await visit.page.getByTestId("photograph").click();
      await visit.page.getByRole("dialog", { name: "Take a photo" }).waitFor();
      await visit.page.getByRole("button", { name: "Take it" }).click();
      await visit.phase("ready");
      expect(await visit.page.getByRole("dialog").count()).toBe(0);
    }));

  it("and stands at the height of what the server gets", () =>
    during("", async (visit) => {
      await visit.sample("cat");
      const ids = ["square", "pixels", "noise"];
      const boxes = await Promise.all(ids.map((id) => visit.page.getByTestId(id).boundingBox()));
      expect(new Set(boxes.map((box) => Math.round(box?.y ?? Number.NaN))).size).toBe(1);
    }));

  it("corrupt: it says so, and takes the next", () =>
    during("", async (visit) => {
      const file = { name: "cat.png", mimeType: "image/png", buffer: cat.subarray(0, 90) };
      await visit.page.getByTestId("file").setInputFiles(file);
      await visit.page
        .locator('[data-testid="problem"][data-code="unsupported_picture"]')
        .waitFor();
      await visit.sample("cat");
      expect(await visit.page.getByTestId("problem").isHidden()).toBe(true);
    }));
});

describe("a classification", () => {
  it("goes from keys to the label, with the keyboard alone", () =>
    during("speed=60", async (visit) => {
      const { page } = visit;
      await visit.phase("waiting");
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press("Tab");
        const id = await page.evaluate(() => document.activeElement?.getAttribute("data-testid"));
        if (id === "sample-cat") break;
      }
      await page.keyboard.press("Enter");
      await visit.phase("ready");
      for (let i = 0; i < 20; i++) {
        await page.keyboard.press("Tab");
        const id = await page.evaluate(() => document.activeElement?.id);
        if (id === "classify") break;
      }
      await page.keyboard.press("Space");
      await visit.phase("done");
      expect(await text(visit, "label")).toBe("a cat");
      expect(await text(visit, "decrypted-here")).toContain("Decrypted here");
      expect(await page.getByRole("row", { name: /cat 9\d\.\d % 8\.90/ }).count()).toBe(1);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("classify");
    }));

  it("keeps the book", () =>
    during("speed=60", async (visit) => {
      await visit.sample("cat");
      await visit.page.getByTestId("classify").click();
      await visit.phase("done");
      await expect.poll(() => text(visit, "ledger-sum")).toMatch(/^36 requests/);
      await visit.page.getByTestId("ledger-parts-key-upload").click();
      expect(await visit.page.getByTestId("ledger-entry").count()).toBe(36);
      const looks = await Promise.all(["hex-picture", "hex-sent"].map((id) => text(visit, id)));
      for (const look of looks) expect(look.split(/\s+/)).toHaveLength(64);
      expect(looks[0]).not.toBe(looks[1]);
    }));

  it.each(["keys", "evaluating"])("is cancelled at %s", (hold) =>
    during(`speed=60&hold=${hold}`, async (visit) => {
      await visit.sample("dog");
      await visit.page.getByTestId("classify").click();
      await visit.phase(hold);
      await visit.page.getByTestId("cancel").click();
      await visit.phase("ready");
      expect(await text(visit, "hint")).toContain("Cancelled.");
      expect(await visit.page.evaluate(() => document.activeElement?.id)).toBe("classify");
    }),
  );
});

describe("trouble", () => {
  it.each([
    ["full", "server_busy"],
    ["failed", "job_failed"],
    ["quota", "storage_quota"],
  ])("%s: it says so, and recovers", (name, code) =>
    during(`case=${name}&speed=60`, async (visit) => {
      await visit.sample("ship");
      await visit.page.getByTestId("classify").click();
      await visit.phase("failed");
      expect(await visit.page.getByTestId("problem").getAttribute("data-code")).toBe(code);
      await visit.page.getByTestId("remedy").click();
      await visit.phase("done");
      expect(await visit.page.getByTestId("problem").isHidden()).toBe(true);
    }),
  );

  it("a server that is down, then up", () =>
    during("case=down&speed=60", async (visit) => {
      await visit.phase("down");
      await visit.page.getByTestId("remedy").click();
      await visit.phase("waiting");
      await visit.sample("cat");
    }));

  it("a broken connection during the upload", () =>
    during("case=broken&speed=3", async (visit) => {
      await visit.sample("cat");
      await visit.page.getByTestId("classify").click();
      await visit.page.getByText("The connection broke.").waitFor();
      await visit.page.getByText("Only this once.").waitFor();
      await visit.page.getByTestId("cancel").click();
      await visit.phase("ready");
    }));

  it("keys that expired on the server", () =>
    during("case=lost&speed=20", async (visit) => {
      await visit.sample("cat");
      await visit.page.getByTestId("classify").click();
      await expect.poll(() => text(visit, "hint")).toContain("no longer had your keys");
      await visit.phase("done");
    }));
});

describe("a service that asks for a token", () => {
  const ask = async ({ page }: Visit, token: string): Promise<void> => {
    await page.getByLabel("This service asks for a token").fill(token);
    await page.keyboard.press("Enter");
  };

  it("refuses a wrong one in words, takes the right one, and keeps none", () =>
    during("case=token&speed=20", async (visit) => {
      const { page } = visit;
      await visit.phase("locked");
      expect(await page.getByTestId("token").getAttribute("type")).toBe("password");
      await ask(visit, "abracadabra");
      const wrong = page.getByRole("alert").filter({ hasText: "not the token" });
      await wrong.waitFor();
      const input = page.getByTestId("token");
      expect(await input.getAttribute("aria-invalid")).toBe("true");
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("token");
      await ask(visit, " sesame ");
      await visit.phase("waiting");
      expect(await page.locator("form, input[type=password]").count()).toBe(0);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("choose");
      expect(await page.evaluate(() => [localStorage.length, sessionStorage.length])).toEqual([
        0, 0,
      ]);
      expect(page.url()).not.toContain("sesame");
      await page.reload();
      await visit.phase("locked");
    }));

  it("from some day on: with the token the page goes on where it was", () =>
    during("case=revoked&speed=40", async (visit) => {
      await visit.sample("cat");
      await visit.page.getByTestId("classify").click();
      await visit.phase("locked");
      expect(await visit.page.getByTestId("problem").isHidden()).toBe(true);
      await ask(visit, "sesame");
      await visit.phase("done");
      expect(await text(visit, "label")).toBe("a cat");
    }));
});

describe("keys", () => {
  it("that were half sent are sent on after a reload", () =>
    during("case=unfinished&speed=10", async (visit) => {
      await visit.phase("keys");
      await expect.poll(() => text(visit, "hint")).toContain("where it stopped");
      await visit.phase("waiting");
      expect(await text(visit, "hint")).toContain("Keys are ready");
    }));

  it("are forgotten", () =>
    during("case=kept&speed=20", async (visit) => {
      await visit.phase("waiting");
      await visit.page.getByTestId("forget").click();
      await visit.phase("waiting");
      await expect.poll(() => text(visit, "keys")).toContain("Forgotten");
    }));
});

describe("a model", () => {
  it("needs no choice where there is one", () =>
    during("", async (visit) => {
      await visit.phase("waiting");
      expect(await visit.page.getByTestId("models").isVisible()).toBe(false);
    }));

  it("is chosen with the keyboard, and says what it costs before and after keys are made", () =>
    during("case=models&speed=50", async (visit) => {
      await visit.sample("cat");
      const costs = async (): Promise<(string | null)[]> => {
        const radios = await visit.page.locator('input[name="model"]').all();
        return Promise.all(radios.map((radio) => radio.getAttribute("data-keys")));
      };
      expect(await costs()).toEqual(["74400000", "74400000", "212000000"]);
      await visit.page.getByTestId("model-resnet20").focus();
      await visit.page.keyboard.press("ArrowDown");
      await expect.poll(() => text(visit, "service")).toContain("ResNet56");
      expect(await visit.page.getByTestId("model-resnet56").isChecked()).toBe(true);
      // The picture is read anew: the next model might want another size.
      await visit.page.locator('[data-testid="classify"][aria-disabled="false"]').waitFor();
      await visit.page.getByTestId("classify").click();
      await visit.phase("done");
      await visit.page.locator('[data-testid="model-resnet20"][data-keys="0"]').waitFor();
      expect(await costs()).toEqual(["0", "0", "212000000"]);
      expect(await text(visit, "models")).toContain("0 bytes of keys, 385 kB a picture");
      // The answer was the other model's.
      await visit.page.getByTestId("model-resnet20").check();
      await expect.poll(() => text(visit, "hint")).toContain("Your keys are kept");
      await visit.phase("ready");
    }));
});
