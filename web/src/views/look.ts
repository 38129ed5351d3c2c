/** A look at the bytes: the picture's beside those that were sent, drawn and written alike. */
import { drawBytes } from "../draw.ts";
import { byId, h } from "../dom.ts";
import { bytes, hex } from "../format.ts";
import { PURPOSES } from "../ledger.ts";
import type { LedgerEntry } from "../sdk/port.ts";
import type { State } from "../state.ts";

const HEX_BYTES = 64;
const HEX_PER_LINE = 8;

/** Shows the comparison. `choose` says which request to look at. */
export function lookView(): { choose: (entry: LedgerEntry) => void; show: (state: State) => void } {
  const box = byId("look", HTMLElement);
  let entry: LedgerEntry | null = null;
  let picture: Uint8Array | null = null;

  const draw = (): void => {
    box.hidden = entry === null;
    if (entry === null) return;
    box.replaceChildren(
      ...(picture === null ? [] : [column("Your picture", "stays here", picture, null)]),
      column("What was sent", PURPOSES[entry.what].toLowerCase(), entry.head, entry),
    );
  };
  return {
    choose(chosen) {
      entry = chosen;
      draw();
    },
    show(state) {
      const now = state.picture.at === "ready" ? state.picture.preview.rgb : null;
      if (now === picture) return;
      picture = now;
      draw();
    },
  };
}

function column(
  title: string,
  more: string,
  data: Uint8Array,
  entry: LedgerEntry | null,
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
      h(
        "pre",
        { "data-testid": entry === null ? "hex-picture" : "hex-sent" },
        hex(first, HEX_PER_LINE),
      ),
    ),
    h("p", { class: "bytes-more" }, entry === null ? pictureLine(data) : sentLine(entry)),
  );
}

function pictureLine(data: Uint8Array): string {
  return `The first ${HEX_BYTES} of ${bytes(data.length)}: red, green, blue, one pixel after the other.`;
}

function sentLine(entry: LedgerEntry): string {
  const shown = Math.min(HEX_BYTES, entry.head.length);
  const hash = entry.sha256 === null ? "" : ` SHA-256 ${entry.sha256}`;
  return `The first ${shown} of ${bytes(entry.requestBytes)}: a few that say what kind of object it is, then noise.${hash}`;
}
