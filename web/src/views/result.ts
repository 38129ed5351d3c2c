/** The decrypted answer: the label, and the scores of the classes where they are revealed. */
import { byId, h, setText } from "../dom.ts";
import { duration, percent, shares, withArticle } from "../format.ts";
import { nounOf } from "../reads.ts";
import type { Answer } from "../sdk/port.ts";
import type { State } from "../state.ts";

/** Shows the answer, if there is one. */
export function resultView(): (state: State) => void {
  const section = byId("result", HTMLElement);
  const lead = byId("verdict-lead", HTMLElement);
  const label = byId("label", HTMLElement);
  const more = byId("verdict-more", HTMLElement);
  const table = byId("scores-table", HTMLTableElement);
  const body = byId("scores", HTMLTableSectionElement);
  let shown: Answer | null = null;

  return (state) => {
    const answer = state.run.at === "done" ? state.run.answer : null;
    if (answer === shown || state.service.at !== "ready") return;
    shown = answer;
    section.hidden = answer === null;
    // Nothing of an earlier answer stays in the document, seen or not.
    body.replaceChildren();
    if (answer === null) return;
    const isPicture = nounOf(state.service.facts.input) === "picture";
    setText(lead, isPicture ? "It looks like" : "The best score has");
    setText(label, isPicture ? withArticle(answer.label) : answer.label);
    label.dataset["label"] = answer.label;
    setText(more, moreOf(answer));
    const { scores } = answer;
    table.hidden = scores === null;
    section.dataset["answer"] = scores === null ? "label" : "scores";
    if (scores !== null) body.append(...rows(answer, scores, state.service.facts.classes));
    // Who draws looks at the pad, where the answer stands as well.
    if (state.picture.at === "ready" && state.picture.drawn) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    section.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  };
}

function moreOf({ seconds, scores }: Answer): string {
  const took = `Decrypted here, in ${duration(seconds.decrypt)}; ${duration(seconds.total)} in all.`;
  return scores === null
    ? `${took} The server does not know it, and no score has left it: you learn the label alone.`
    : `${took} The server does not know.`;
}

/** More rows than these nobody reads. */
const MOST_ROWS = 20;

/** A row for each class; of many classes, the likeliest. */
function rows(answer: Answer, scores: readonly number[], classes: readonly string[]): Node[] {
  const parts = shares(scores);
  const all = classes.map((name, i) => ({ name, i }));
  const best = (i: number): number => scores[i] ?? -Infinity;
  const ranked = all.toSorted((a, b) => best(b.i) - best(a.i));
  const shown = all.length > MOST_ROWS ? ranked.slice(0, MOST_ROWS) : all;
  return shown.map(({ name, i }) => {
    const share = parts[i] ?? 0;
    const bar = h("span", { class: "bar" });
    bar.style.inlineSize = `${Math.max(share * 100, 0.4)}%`;
    return h(
      "tr",
      {
        "data-top": String(i === answer.class),
        "data-testid": `score-${name}`,
        "data-score": String(scores[i] ?? 0),
      },
      h("th", { scope: "row" }, name),
      h("td", { class: "bar-cell", "aria-hidden": "true" }, bar),
      h("td", { class: "number" }, percent(share)),
      h("td", { class: "number raw" }, (scores[i] ?? 0).toFixed(2)),
    );
  });
}
