/** The switch for the label alone, with its price. Nothing to see where a model has no such answer. */
import type { Controller } from "../controller.ts";
import { byId, setAttribute, setText } from "../dom.ts";
import { bytes, duration } from "../format.ts";
import type { LabelOffer } from "../sdk/port.ts";
import { canReveal, labelOffer, type State } from "../state.ts";

/** Shows the switch and hears it. */
export function revealView(controller: Controller): (state: State) => void {
  const block = byId("reveal", HTMLElement);
  const toggle = byId("label-only", HTMLInputElement);
  const cost = byId("reveal-cost", HTMLElement);
  // Where it cannot be turned it stays reachable by keyboard, so it is never `disabled`.
  toggle.addEventListener("click", (event) => {
    if (!canReveal(controller.state)) event.preventDefault();
  });
  toggle.addEventListener("change", () => {
    void controller.chooseAnswer(toggle.checked ? "label" : "scores");
  });
  return (state) => {
    const { service } = state;
    const label = labelOffer(state);
    block.hidden = label === null;
    if (service.at !== "ready" || label === null) return;
    toggle.checked = service.facts.answer === "label";
    setAttribute(toggle, "aria-disabled", String(!canReveal(state)));
    setAttribute(toggle, "data-keys", String(label.furtherKeyBytes));
    setText(cost, costOf(label));
  };
}

/** "22.8 MB of further keys once, about 0.5 s more each time". */
export function costOf({ only, furtherKeyBytes, furtherSeconds }: LabelOffer): string {
  if (only) return "The owner of this model reveals nothing else.";
  const keys =
    furtherKeyBytes === 0
      ? "0 bytes of further keys"
      : `${bytes(furtherKeyBytes)} of further keys once`;
  const time = furtherSeconds > 0 ? `, about ${duration(furtherSeconds)} more each time` : "";
  return `${keys}${time}`;
}
