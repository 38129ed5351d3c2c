/** The way of a picture in five stations, each with how far it is. */
import { byId, h, setAttribute, setText } from "../dom.ts";
import { bytes, duration, left, Pace } from "../format.ts";
import type { Step } from "../sdk/port.ts";
import type { State } from "../state.ts";

/** How a station stands. */
export interface Station {
  readonly at: "waiting" | "active" | "done" | "kept";
  /** From 0 to 1; null while it cannot be told. */
  readonly fraction: number | null;
  readonly line: string;
}

/** The stations in their order. `where` says on whose side they happen. */
const STATIONS = [
  { id: "keys", name: "Make keys", where: "device" },
  { id: "upload", name: "Send keys", where: "between" },
  { id: "encrypt", name: "Encrypt", where: "device" },
  { id: "network", name: "Run the network", where: "server" },
  { id: "decrypt", name: "Decrypt", where: "device" },
] as const;

/** Shows the stations. */
export function railView(): (state: State) => void {
  const rail = byId("rail", HTMLOListElement);
  const items = STATIONS.map(({ id, name, where }) => {
    const line = h("p", { class: "station-line" });
    const bar = h("progress", { max: "1", value: "0", "aria-label": name });
    const item = h(
      "li",
      { class: "station", "data-testid": `step-${id}`, "data-where": where },
      h("p", { class: "station-name" }, name),
      bar,
      line,
    );
    rail.append(item);
    return { item, bar, line };
  });
  const pace = new Pace();
  return (state) => {
    const step = state.run.at === "running" ? state.run.step : null;
    let secondsLeft: number | null = null;
    if (step?.at === "keys" && step.total > 0) {
      secondsLeft = pace.left(step.sent / step.total, performance.now());
    } else pace.reset();
    stations(state, secondsLeft).forEach((station, i) => {
      const shown = items[i];
      if (shown === undefined) return;
      setAttribute(shown.item, "data-at", station.at);
      if (station.fraction === null) shown.bar.removeAttribute("value");
      else setAttribute(shown.bar, "value", station.fraction.toFixed(3));
      setText(shown.line, station.line);
    });
  };
}

const WAITING: Station = { at: "waiting", fraction: 0, line: "" };

/** How each station stands, from the state alone. */
export function stations(state: State, uploadLeft: number | null): Station[] {
  const { run, keys } = state;
  const kept: Station =
    keys.at === "kept" ? { at: "kept", fraction: 1, line: keptLine(keys.since) } : WAITING;
  const sent: Station =
    keys.at === "kept" ? { at: "kept", fraction: 1, line: "On the server" } : WAITING;
  if (run.at === "done") {
    const { encrypt, evaluate, decrypt } = run.answer.seconds;
    return [
      kept,
      sent,
      finished(duration(encrypt)),
      finished(duration(evaluate)),
      finished(`${duration(decrypt)}, here`),
    ];
  }
  if (run.at !== "running" || run.goal === "forget") return [kept, sent, WAITING, WAITING, WAITING];
  return [
    ...keyStations(run.step, kept, sent, uploadLeft),
    ...pictureStations(run.step, run.goal === "label"),
  ];
}

function keyStations(
  step: Step,
  kept: Station,
  sent: Station,
  uploadLeft: number | null,
): [Station, Station] {
  if (step.at === "checking") return [active(null, "Looking for kept keys"), sent];
  if (step.at !== "keys") return [kept, sent];
  const { made, count, total } = step;
  const making =
    count > 0 && made === count
      ? finished(`${count} keys`)
      : active(count > 0 ? made / count : null, count > 0 ? `${made} of ${count}` : "Starting");
  const amount = `${bytes(step.sent)} of ${bytes(total)}`;
  const rest = uploadLeft === null ? "" : `, ${left(uploadLeft)}`;
  const sending =
    total > 0 && step.sent === total
      ? finished(bytes(total))
      : active(total > 0 ? step.sent / total : null, amount + rest);
  return [making, step.sent === 0 ? { ...WAITING, line: amount } : sending];
}

function pictureStations(step: Step, wanted: boolean): [Station, Station, Station] {
  if (!wanted) return [WAITING, WAITING, WAITING];
  switch (step.at) {
    case "checking":
    case "keys":
      return [WAITING, WAITING, WAITING];
    case "preparing":
    case "encrypting":
      return [active(null, "On this device"), WAITING, WAITING];
    case "sending":
      return [finished("Encrypted"), active(null, "Sending the ciphertext"), WAITING];
    case "queued":
      return [finished("Encrypted"), active(null, queueLine(step.position)), WAITING];
    case "evaluating":
      return [finished("Encrypted"), active(step.step / step.steps, layerLine(step)), WAITING];
    case "receiving":
      return [finished("Encrypted"), finished("Done"), active(null, "Fetching the answer")];
    case "decrypting":
      return [finished("Encrypted"), finished("Done"), active(null, "On this device")];
  }
}

/** Where in the queue: "Next in the queue". */
export function queueLine(position: number): string {
  return position === 0 ? "Next in the queue" : `${position} before you in the queue`;
}

/** How far the network is: "Step 7 of 21, about 6 s left". */
export function layerLine(step: Extract<Step, { at: "evaluating" }>): string {
  const rest = step.secondsLeft === null ? "" : `, ${left(step.secondsLeft)}`;
  return `Step ${Math.min(step.step + 1, step.steps)} of ${step.steps}${rest}`;
}

function keptLine(since: Date | null): string {
  return since === null ? "Made just now" : "Kept from last time";
}

function active(fraction: number | null, line: string): Station {
  return { at: "active", fraction, line };
}

function finished(line: string): Station {
  return { at: "done", fraction: 1, line };
}
