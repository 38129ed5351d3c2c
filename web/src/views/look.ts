/** A look at the bytes: the picture's beside those that were sent, drawn and written alike. */
import { drawBytes } from "../draw.ts";
import { byId, h } from "../dom.ts";
import { bytes, hex } from "../format.ts";
import { PURPOSES } from "../ledger.ts";
import type { LedgerEntry, Preview } from "../sdk/port.ts";
import type { State } from "../state.ts";

const HEX_BYTES = 64;
const HEX_PER_LINE = 8;

/** Shows the comparison. `choose` says which request to look at. */
export function lookView(): { choose: (entry: LedgerEntry) => void; show: (state: State) => void } {
  const box = byId("look", HTMLElement);
  let entry: LedgerEntry | null = null;
  let preview: Preview | null = null;

  const draw = (): void => {
    box.hidden = entry === null;
    if (entry === null) return;
    box.replaceChildren(
      ...(preview === null ? [] : [own(preview)]),
      column(
        "What was sent",
        PURPOSES[entry.what].toLowerCase(),
        entry.head,
        sentLine(entry),
        "hex-sent",
      ),
    );
  };
  return {
    choose(chosen) {
      entry = chosen;
      draw();
    },
    show(state) {
      const now = state.picture.at === "ready" ? state.picture.preview : null;
      if (now === preview) return;
      preview = now;
      draw();
    },
  };
}

function column(
  title: string,
  more: string,
  data: Uint8Array,
  line: string,
  testId: string,
): HTMLElement {
  const canvas = h("canvas", {
    class: "crisp",
    role: "img",
    "aria-label": `${title}: the first bytes drawn as pixels`,
  });
  drawBytes(canvas, data);
  const first = data.subarray(0, HEX_BYTES);
  return h(
    "figure",
    { class: "bytes" },
    h("figcaption", {}, h("strong", {}, title), `, ${more}`),
    h(
      "div",
      { class: "bytes-body" },
      canvas,
      h("pre", { "data-testid": testId }, hex(first, HEX_PER_LINE)),
    ),
    h("p", { class: "bytes-more" }, line),
  );
}

function own(preview: Preview): HTMLElement {
  const isPicture = preview.kind === "picture";
  const { buffer, byteOffset, byteLength } = isPicture ? preview.rgb : preview.values;
  const data = new Uint8Array(buffer, byteOffset, byteLength);
  const what = isPicture
    ? "red, green, blue, one pixel after the other"
    : "floating-point numbers of four bytes, one after the other";
  const line = `The first ${Math.min(HEX_BYTES, data.length)} of ${bytes(data.length)}: ${what}.`;
  return column(
    isPicture ? "Your picture" : "Your numbers",
    isPicture ? "stays here" : "stay here",
    data,
    line,
    "hex-picture",
  );
}

function sentLine(entry: LedgerEntry): string {
  const shown = Math.min(HEX_BYTES, entry.head.length);
  const hash = entry.sha256 === null ? "" : ` SHA-256 ${entry.sha256}`;
  return `The first ${shown} of ${bytes(entry.requestBytes)}: a few that say what kind of object it is, then noise.${hash}`;
}
