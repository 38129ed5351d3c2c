/** The box that says what went wrong, with the button that helps. */
import type { Controller } from "../controller.ts";
import { byId, h } from "../dom.ts";
import type { Problem, Remedy } from "../problems.ts";
import type { State } from "../state.ts";

const LABELS: Readonly<Record<Exclude<Remedy, "none">, string>> = {
  retry: "Try again",
  choose: "Choose another picture",
  "without-storage": "Go on without keeping keys",
  "start-over": "Make new keys",
  reload: "Reload the page",
};

/** Shows the problem of the moment, if there is one. */
export function problemView(controller: Controller): (state: State) => void {
  const box = byId("problem", HTMLElement);
  let shown: Problem | null = null;

  return (state) => {
    const problem = problemOf(state);
    if (problem === shown) return;
    const held = box.contains(document.activeElement);
    shown = problem;
    box.hidden = problem === null;
    box.replaceChildren(...(problem === null ? [] : content(problem, controller)));
    if (problem !== null) box.dataset["code"] = problem.code;
    else delete box.dataset["code"];
    // The button that was pressed is gone: the focus goes to the nearest one that stays.
    if (held) (box.querySelector("button") ?? byId("classify", HTMLElement)).focus();
  };
}

/** The most pressing problem. */
function problemOf({ service, run, picture }: State): Problem | null {
  if (service.at === "down") return service.problem;
  if (run.at === "failed") return run.problem;
  if (picture.at === "unreadable") return picture.problem;
  return null;
}

function content(problem: Problem, controller: Controller): Node[] {
  const text = [
    h("p", { class: "problem-title" }, problem.title),
    h("p", { class: "problem-more" }, problem.sentence),
  ];
  if (problem.remedy === "none") return text;
  const button = h(
    "button",
    { type: "button", class: "quiet", "data-testid": "remedy" },
    LABELS[problem.remedy],
  );
  button.addEventListener("click", () => {
    if (problem.remedy === "choose") byId("file", HTMLInputElement).click();
    else if (problem.remedy === "reload") location.reload();
    else void controller.remedy();
  });
  return [...text, button];
}
