/** "What left this device": the table of all requests. */
import { byId, h, setAttribute, setText } from "../dom.ts";
import { bytes } from "../format.ts";
import { type Group, group, PURPOSES, sums } from "../ledger.ts";
import type { LedgerEntry } from "../sdk/port.ts";
import type { State } from "../state.ts";
import { lookView } from "./look.ts";

/** Shows the table. `add` takes a request into it. */
export function ledgerView(): { add: (entry: LedgerEntry) => void; show: (state: State) => void } {
  const body = byId("ledger", HTMLTableSectionElement);
  const sum = byId("book-sum", HTMLElement);
  const look = lookView();
  const entries: LedgerEntry[] = [];
  /** Groups whose parts are shown, by the number of their first request. */
  const open = new Set<number>();
  let dirty = false;
  let origin = location.origin;

  const toggle = (id: number): void => {
    if (!open.delete(id)) open.add(id);
    draw();
  };
  const draw = (): void => {
    dirty = false;
    const focused = document.activeElement?.id;
    const rows = group(entries).flatMap((one) => groupRows(one, open, toggle, look.choose));
    body.replaceChildren(...rows);
    // The rows are new, and so is the button that had the focus.
    if (focused !== undefined && focused !== "") document.getElementById(focused)?.focus();
    setText(sum, sumLine(entries, origin));
    const { requests, sent, received } = sums(entries);
    setAttribute(sum, "data-requests", String(requests));
    setAttribute(sum, "data-sent", String(sent));
    setAttribute(sum, "data-received", String(received));
  };

  return {
    add(entry) {
      entries.push(entry);
      if (entry.what === "classification-request") look.choose(entry);
      // Uploads bring many requests; the table is drawn once a frame at most.
      if (!dirty) setTimeout(draw, 100);
      dirty = true;
    },
    show(state) {
      if (state.service.at === "ready") origin = state.service.facts.origin;
      look.show(state);
    },
  };
}

function sumLine(entries: readonly LedgerEntry[], origin: string): string {
  if (entries.length === 0) return "Nothing yet.";
  const { requests, sent, received } = sums(entries);
  const count = requests === 1 ? "One request" : `${requests} requests`;
  return `${count}, to ${origin} and nowhere else: ${bytes(sent)} sent, ${bytes(received)} received. You can check that in your browser’s network tools.`;
}

type Choose = (entry: LedgerEntry) => void;

function groupRows(
  one: Group,
  open: ReadonlySet<number>,
  toggle: (id: number) => void,
  choose: Choose,
): Node[] {
  const [first] = one.entries;
  if (first === undefined) return [];
  if (one.entries.length === 1) return [entryRow(first, PURPOSES[one.what], choose, "entry")];
  const isOpen = open.has(first.id);
  const { sent, received, requests } = sums(one.entries);
  const button = h(
    "button",
    {
      type: "button",
      class: "link",
      id: `parts-${first.id}`,
      "aria-expanded": String(isOpen),
      "data-testid": `ledger-parts-${one.what}`,
    },
    `${isOpen ? "Hide" : "Show"} ${requests} requests`,
  );
  button.addEventListener("click", () => toggle(first.id));
  const head = h(
    "tr",
    { class: "group", "data-what": one.what },
    h("th", { scope: "row" }, PURPOSES[one.what], " ", button),
    h("td", { class: "number" }, bytes(sent)),
    h("td", { class: "number" }, bytes(received)),
    h("td", { class: "hash" }, "each on its own"),
    h("td", {}),
  );
  if (!isOpen) return [head];
  return [
    head,
    ...one.entries.map((entry, i) => entryRow(entry, `Part ${i + 1}`, choose, "entry part")),
  ];
}

function entryRow(entry: LedgerEntry, name: string, choose: Choose, kind: string): Node {
  const request = `${entry.method} ${shortPath(entry.url)}`;
  const answer = entry.status === null ? "no answer" : String(entry.status);
  return h(
    "tr",
    {
      class: kind,
      "data-testid": "ledger-entry",
      "data-what": entry.what,
      "data-method": entry.method,
      "data-path": entry.url,
      "data-status": String(entry.status),
      "data-sent": String(entry.requestBytes),
      "data-received": String(entry.responseBytes),
      "data-sha256": entry.sha256,
    },
    h(
      "th",
      { scope: "row" },
      name,
      h("span", { class: "request", title: entry.url }, `${request} → ${answer}`),
    ),
    h("td", { class: "number" }, bytes(entry.requestBytes)),
    h("td", { class: "number" }, bytes(entry.responseBytes)),
    h("td", { class: "hash" }, shortHash(entry.sha256)),
    h("td", { class: "look-cell" }, entry.head.length > 0 ? lookButton(entry, choose) : null),
  );
}

function lookButton(entry: LedgerEntry, choose: Choose): HTMLElement {
  const button = h(
    "button",
    {
      type: "button",
      class: "link",
      id: `look-${entry.id}`,
      "aria-label": `Look at the first bytes of request ${entry.id}`,
    },
    "Look",
  );
  button.addEventListener("click", () => choose(entry));
  return button;
}

/** Identifiers in paths are long and say nothing. */
function shortPath(path: string): string {
  return path.replace(/[\w-]{14,}/g, (id) => `${id.slice(0, 6)}…`);
}

function shortHash(sha256: string | null): string {
  return sha256 === null ? "nothing sent" : `${sha256.slice(0, 16)}…`;
}
