/** What makes features of what is shown, where there is a choice. */
import { byId, h, setText } from "../dom.ts";
import { bytes, duration } from "../format.ts";
import { wishOf } from "../reads.ts";
import type { Encoder } from "../sdk/port.ts";
import type { Teacher, TeachState } from "../teach/teacher.ts";

/** Shows the choice and hears it. Nothing to see with only one. */
export function encodersView(teacher: Teacher): (state: TeachState) => void {
  const field = byId("teach-encoders", HTMLFieldSetElement);
  const list = byId("teach-encoders-list", HTMLUListElement);
  let shown: readonly Encoder[] = [];
  let radios: readonly HTMLInputElement[] = [];

  return ({ encoders, encoder, work }) => {
    field.hidden = encoders.length < 2;
    field.disabled = work.at === "running";
    if (field.hidden) return;
    if (encoders !== shown) {
      shown = encoders;
      radios = encoders.map((each) => radioOf(each, teacher));
      list.replaceChildren(...radios.map((radio) => radio.closest("li") ?? radio));
    }
    for (const radio of radios) radio.checked = radio.value === encoder?.id;
  };
}

function radioOf(encoder: Encoder, teacher: Teacher): HTMLInputElement {
  const { id, model } = encoder;
  const costId = `teach-cost-${id}`;
  const radio = h("input", {
    type: "radio",
    name: "encoder",
    value: id,
    "data-testid": `encoder-${id}`,
    "aria-describedby": costId,
  });
  radio.addEventListener("change", () => teacher.choose(id));
  const cost = h("span", { class: "model-cost", id: costId });
  setText(cost, costOf(encoder));
  const name = h("span", { class: "model-name" }, model);
  h("li", {}, h("label", { class: "model" }, radio, name), cost);
  return radio;
}

/** "Reads: photo, 32 × 32. Up to 89 MB of keys once, about 5 s each": those for scores do for a part. */
function costOf({ input, keyBytes, seconds }: Encoder): string {
  const keys = `Up to ${bytes(keyBytes)} of keys once`;
  return `Reads: ${wishOf(input)}. ${keys}, about ${duration(seconds)} each`;
}
