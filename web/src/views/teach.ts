/** Classes of one's own: a pad or pictures, what was taught, and what it is taken for. */
import { byId, h, setAttribute, setText } from "../dom.ts";
import { percent } from "../format.ts";
import { isDrawable } from "../reads.ts";
import { canAsk, countOf, type Taught } from "../teach/taught.ts";
import type { Teacher, TeachState, Verdict, Work } from "../teach/teacher.ts";
import { encodersView } from "./encoders.ts";
import { Strokes } from "./pen.ts";

/** Who gets the pictures that are being chosen: a class, or nobody, who asks. */
type For = string | null;

/** Hears the person; what it returns shows the teacher's state. */
export function teachView(teacher: Teacher): () => void {
  const section = byId("teach", HTMLElement);
  const frame = byId("teach-frame", HTMLElement);
  const list = byId("teach-classes", HTMLUListElement);
  const field = byId("teach-field", HTMLElement);
  const ask = byId("teach-ask", HTMLButtonElement);
  const pick = byId("teach-pick", HTMLButtonElement);
  const clear = byId("teach-clear", HTMLButtonElement);
  const cancel = byId("teach-cancel", HTMLButtonElement);
  const forget = byId("teach-forget", HTMLButtonElement);
  const text = byId("teach-line", HTMLElement);
  const verdict = byId("teach-verdict", HTMLElement);
  const pad = new Strokes(byId("teach-pad", HTMLCanvasElement), {
    begin: () => teacher.state.work.at !== "running",
    end: () => undefined,
  });
  const files = filesOf((goal, chosen) => {
    if (goal !== null) void teacher.teach(goal, chosen);
    else if (chosen[0] !== undefined) void teacher.ask(chosen[0]);
  });
  const choice = encodersView(teacher);
  let shown: Taught | null = null;

  const add = (): void => {
    if (teacher.addClass(field.innerText)) setText(field, "");
  };
  byId("teach-add", HTMLButtonElement).addEventListener("click", add);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  });
  clear.addEventListener("click", () => pad.empty());
  ask.addEventListener("click", () => {
    const drawing = pad.drawing();
    if (drawing === null) setText(text, "Draw something first, or ask about a picture.");
    else void teacher.ask(drawing);
  });
  pick.addEventListener("click", () => files(null));
  cancel.addEventListener("click", () => teacher.cancel());
  forget.addEventListener("click", () => teacher.forget());

  const row = (name: string, taught: Taught): HTMLElement => {
    const button = (words: string, id: string, act: () => void): HTMLButtonElement => {
      const made = h(
        "button",
        { type: "button", class: "quiet", "data-testid": `${id}-${name}` },
        words,
      );
      made.append(h("span", { class: "unseen" }, ` (${name})`));
      made.addEventListener("click", act);
      return made;
    };
    const count = countOf(taught, name);
    const show = (): void => {
      const drawing = pad.drawing();
      if (drawing === null) return setText(text, "Draw something first, or add pictures.");
      // The next one can be drawn meanwhile.
      void teacher.teach(name, [drawing]);
      pad.empty();
    };
    return h(
      "li",
      { "data-testid": `teach-class-${name}`, "data-count": String(count) },
      h("span", { class: "teach-class" }, `${name}: ${count}`),
      frame.hidden ? null : button("This is one", "teach-this", show),
      button("Add pictures", "teach-pictures", () => files(name)),
      button("Remove", "teach-remove", () => teacher.removeClass(name)),
    );
  };

  return () => {
    const { encoder, taught, work, verdict: found } = teacher.state;
    section.hidden = encoder === null;
    if (encoder === null) return;
    choice(teacher.state);
    frame.hidden = !isDrawable(encoder.input);
    if (!field.isContentEditable) setAttribute(field, "contenteditable", "plaintext-only");
    if (taught !== shown) {
      const focused = document.activeElement?.getAttribute("data-testid");
      list.replaceChildren(...taught.classes.map((name) => row(name, taught)));
      // Whoever pressed a button finds the same one again.
      const again = [...list.querySelectorAll<HTMLElement>("[data-testid]")];
      again.find((each) => each.dataset["testid"] === focused)?.focus();
      shown = taught;
    }
    const isBusy = work.at === "running";
    setAttribute(ask, "aria-disabled", String(isBusy || !canAsk(taught)));
    ask.hidden = frame.hidden;
    clear.hidden = frame.hidden;
    cancel.hidden = !isBusy;
    forget.hidden = taught.classes.length === 0;
    setText(text, lineOf(work, teacher.state));
    verdict.hidden = found === null;
    verdict.replaceChildren(...(found === null ? [] : answer(found)));
    // Last, so that whoever sees it sees all of it.
    setAttribute(section, "data-at", work.at);
  };
}

function lineOf(work: Work, { taught }: TeachState): string {
  if (work.at === "failed") return `${work.problem.title}. ${work.problem.sentence}`;
  if (work.at === "running") {
    const { step, pause, done, total } = work;
    const which = total > 1 ? ` (${done + 1} of ${total})` : "";
    if (pause !== null) return `Waiting for the server${which} …`;
    if (step?.at === "keys") return `Making and sending keys, this once${which} …`;
    return `Encrypted and under way${which} …`;
  }
  if (work.line !== "") return work.line;
  return taught.classes.length < 2 ? "Begin with the names of two classes." : "";
}

function answer({ label, labels, probabilities }: Verdict): HTMLElement[] {
  const shares = labels.map((name, at) =>
    h("li", {}, `${name}: ${percent(probabilities[at] ?? 0)}`),
  );
  return [
    h("p", { class: "teach-winner", "data-testid": "teach-label", "data-label": label }, label),
    h("ul", { "aria-label": "How probable each class is" }, ...shares),
  ];
}

/** Asks for pictures, for a class or for a question. */
function filesOf(take: (goal: For, files: File[]) => void): (goal: For) => void {
  const input = byId("teach-file", HTMLInputElement);
  let goal: For = null;
  input.addEventListener("change", () => {
    take(goal, [...(input.files ?? [])]);
    // The same files may be chosen twice in a row.
    input.value = "";
  });
  return (next) => {
    goal = next;
    input.multiple = next !== null;
    input.click();
  };
}
