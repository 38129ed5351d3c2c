/** The models, with what each costs before anything is made or sent. Nothing to see with only one. */
import type { Controller } from "../controller.ts";
import { byId, h, setAttribute, setText } from "../dom.ts";
import { bytes, duration } from "../format.ts";
import { nounOf, wishOf } from "../reads.ts";
import type { Offer } from "../sdk/port.ts";
import { isRunning, type State } from "../state.ts";

interface Row {
  readonly id: string;
  readonly radio: HTMLInputElement;
  readonly cost: HTMLElement;
}

/** Shows the choice and hears it. */
export function modelsView(controller: Controller): (state: State) => void {
  const field = byId("models", HTMLFieldSetElement);
  const list = byId("models-list", HTMLUListElement);
  let rows: readonly Row[] = [];

  return (state) => {
    const { service } = state;
    const offers = service.at === "ready" ? service.offers : [];
    field.hidden = offers.length < 2;
    field.disabled = isRunning(state);
    if (service.at !== "ready" || field.hidden) return;
    if (rows.length !== offers.length || rows.some((row, i) => row.id !== offers[i]?.id)) {
      rows = offers.map((offer) => rowOf(offer, controller));
      list.replaceChildren(...rows.map(({ radio }) => radio.closest("li") ?? radio));
    }
    rows.forEach(({ id, radio, cost }, i) => {
      radio.checked = id === service.facts.id;
      const offer = offers[i];
      if (offer !== undefined) setText(cost, costOf(offer));
      setAttribute(radio, "data-keys", String(offer?.missingKeyBytes ?? ""));
      setAttribute(radio, "data-reads", offer?.input.kind ?? "");
    });
  };
}

function rowOf({ id, model }: Offer, controller: Controller): Row {
  const costId = `model-cost-${id}`;
  const radio = h("input", {
    type: "radio",
    name: "model",
    value: id,
    "data-testid": `model-${id}`,
    "aria-describedby": costId,
  });
  radio.addEventListener("change", () => void controller.chooseModel(id));
  const cost = h("span", { class: "model-cost", id: costId });
  h(
    "li",
    {},
    h("label", { class: "model" }, radio, h("span", { class: "model-name" }, model)),
    cost,
  );
  return { id, radio, cost };
}

/** "Reads: photo, 32 × 32. 88 MB of keys once, 385 kB a picture, about 18 s". */
export function costOf({ input, missingKeyBytes, requestBytes, seconds }: Offer): string {
  const keys = missingKeyBytes === 0 ? "0 bytes of keys" : `${bytes(missingKeyBytes)} of keys once`;
  const each = nounOf(input) === "picture" ? "a picture" : "a run";
  const cost = `${keys}, ${bytes(requestBytes)} ${each}, about ${duration(seconds)}`;
  return `Reads: ${wishOf(input)}. ${cost}`;
}
