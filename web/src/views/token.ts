/** Asks for the service's token, where the service wants one. */
import type { Controller } from "../controller.ts";
import { byId, h, setAttribute, setText } from "../dom.ts";
import type { State } from "../state.ts";

/**
 * Shows the question while the service is locked. There is no form at any other time: browsers look
 * for passwords in forms, and some ask their makers about what they find.
 */
export function tokenView(controller: Controller): (state: State) => void {
  const place = byId("ask", HTMLElement);
  const choose = byId("choose", HTMLElement);
  let question: Question | null = null;

  return ({ service }) => {
    switch (service.at) {
      case "connecting":
        // While a token is tried the form stays, and the focus in it.
        if (question !== null) setText(question.wrong, "");
        return;
      case "locked":
        if (question === null) {
          question = ask((token) => void controller.unlock(token));
          place.replaceChildren(question.form);
        }
        setAttribute(question.input, "aria-invalid", String(service.refused));
        if (service.refused) refuse(question);
        return;
      default:
        if (place.contains(document.activeElement)) choose.focus();
        place.replaceChildren();
        question = null;
    }
  };
}

interface Question {
  readonly form: HTMLFormElement;
  readonly input: HTMLInputElement;
  /** What is wrong with the token that was given. */
  readonly wrong: HTMLElement;
}

function refuse({ input, wrong }: Question): void {
  const text = "That is not the token of this service.";
  if (wrong.textContent === text) return;
  setText(wrong, text);
  input.select();
}

function ask(answer: (token: string) => void): Question {
  // Without a name the token could not even get into an address.
  const input = h("input", {
    type: "password",
    id: "token",
    "data-testid": "token",
    required: true,
    pattern: "\\s*[!-~]+\\s*",
    title: "Letters, digits and signs, without spaces",
    autocomplete: "current-password",
    "aria-describedby": "token-wrong token-more",
  });
  const wrong = h("p", {
    class: "token-wrong",
    id: "token-wrong",
    "data-testid": "token-wrong",
    role: "alert",
  });
  const form = h(
    "form",
    { class: "token" },
    h("label", { class: "token-title", for: "token" }, "This service asks for a token"),
    h(
      "p",
      { id: "token-more" },
      "Whoever runs it gives it to the people who may use it. It stays in this page’s memory and goes to this server alone.",
    ),
    h(
      "div",
      { class: "token-row" },
      input,
      h("button", { type: "submit", class: "quiet", "data-testid": "unlock" }, "Go on"),
    ),
    wrong,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer(input.value.trim());
  });
  return { form, input, wrong };
}
