/** Puts the page together. */
import { Controller } from "./controller.ts";
import { byId, setAttribute } from "./dom.ts";
import { halted, labelOnly } from "./flags.ts";
import { open } from "./sdk/open";
import type { Source } from "./sdk/port.ts";
import { phase, type State } from "./state.ts";
import { kept } from "./teach/kept.ts";
import { Teacher } from "./teach/teacher.ts";
import { announcer } from "./views/announce.ts";
import { keysView } from "./views/keys.ts";
import { ledgerView } from "./views/ledger.ts";
import { modelsView } from "./views/models.ts";
import { numbersView } from "./views/numbers.ts";
import { padView } from "./views/pad.ts";
import { pickerView, samplesView } from "./views/picker.ts";
import { problemView } from "./views/problem.ts";
import { railView } from "./views/rail.ts";
import { resultView } from "./views/result.ts";
import { revealView } from "./views/reveal.ts";
import { serverView } from "./views/server.ts";
import { stageView } from "./views/stage.ts";
import { teachView } from "./views/teach.ts";
import { tokenView } from "./views/token.ts";

const take = (source: Source, name: string): void => void controller.choose(source, name);

const page = byId("main", HTMLElement);

const controller = new Controller({
  url: location.origin,
  open,
  online: () => navigator.onLine,
  halted,
  labelOnly,
  onState: show,
  onRequest: (entry) => {
    ledger.add(entry);
    server.sent(entry);
  },
});

const teacher = new Teacher({
  sdk: () => controller.sdk,
  online: () => navigator.onLine,
  kept,
  onState: () => showTeaching(),
});
const showTeaching = teachView(teacher);

const ledger = ledgerView();
const server = serverView();
const views: readonly ((state: State) => void)[] = [
  stageView(controller),
  modelsView(controller),
  revealView(controller),
  tokenView(controller),
  problemView(controller),
  railView(),
  resultView(),
  keysView(controller),
  server.show,
  ledger.show,
  announcer(),
  pickerView(take),
  padView(controller),
  numbersView(controller),
  samplesView(take),
  () => teacher.meet(),
];

/** Many events may fall into one frame; the page is drawn once. */
let drawn = true;
function show(): void {
  if (!drawn) return;
  drawn = false;
  // A hidden tab gets no frames, but its state must show all the same.
  if (document.hidden) setTimeout(draw, 0);
  else requestAnimationFrame(draw);
}

function draw(): void {
  drawn = true;
  for (const view of views) view(controller.state);
  document.title = titleOf(controller.state);
  // Last, so that whoever sees the phase sees the page drawn.
  setAttribute(page, "data-phase", phase(controller.state));
}

/** For who looks from another tab. The label stays out: titles go into histories. */
function titleOf({ run }: State): string {
  if (run.at === "running") return "Working … Blindsight";
  if (run.at === "done") return "Answered, Blindsight";
  return "Blindsight";
}

addEventListener("online", () => {
  if (controller.state.service.at === "down") void controller.connect();
});
draw();
void controller.connect();
