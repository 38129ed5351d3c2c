/** All ways for a picture to come in, but drawing: file, camera, drop, paste, sample. */
import { byId, h, setAttribute, setText } from "../dom.ts";
import { nounOf } from "../reads.ts";
import type { Source } from "../sdk/port.ts";
import { PHOTOS, SAMPLES } from "../samples.ts";
import type { State } from "../state.ts";
import { openCamera } from "./camera.ts";

type Take = (source: Source, name: string) => void;

/** What files of numbers are called. */
const NUMBERS = ".json,.csv,.txt,.npy,application/json,text/csv,text/plain";

/** Connects the page's inputs to one function, and shows those that the model's wish allows. */
export function pickerView(take: Take): (state: State) => void {
  const takeFile = (file: Blob | null | undefined): void => {
    if (file) take(file, file instanceof File ? file.name : "photo");
  };
  const input = byId("file", HTMLInputElement);
  const choose = byId("choose", HTMLButtonElement);
  const photograph = byId("photograph", HTMLButtonElement);
  const legend = byId("pick-legend", HTMLElement);
  files(takeFile);
  const hasCamera = camera(takeFile);
  drop(takeFile);
  return ({ service, picture }) => {
    const isNumbers = service.at === "ready" && nounOf(service.facts.input) === "numbers";
    const what = isNumbers ? "Choose a file" : "Choose a picture";
    const isFile = picture.at === "ready" && !picture.drawn;
    setText(legend, what);
    setText(choose, isFile ? "Choose another" : what);
    setAttribute(input, "accept", isNumbers ? NUMBERS : "image/*");
    photograph.hidden = isNumbers || !hasCamera;
  };
}

function files(take: (file: Blob | null | undefined) => void): void {
  const pick = byId("pick", HTMLFieldSetElement);
  for (const id of ["file", "capture"]) {
    const input = byId(id, HTMLInputElement);
    input.addEventListener("change", () => {
      take(input.files?.[0]);
      // The same file may be chosen twice in a row.
      input.value = "";
    });
  }
  byId("choose", HTMLElement).addEventListener("click", () => byId("file", HTMLElement).click());
  byId("invite", HTMLElement).addEventListener("click", () => {
    if (!pick.disabled) byId("file", HTMLElement).click();
  });
}

/**
 * Phones have a camera program of their own; elsewhere the page shows the camera itself. Whether
 * there is one.
 */
function camera(take: (file: Blob | null | undefined) => void): boolean {
  const button = byId("photograph", HTMLButtonElement);
  const isPhone = matchMedia("(pointer: coarse)").matches;
  button.addEventListener("click", () => {
    if (isPhone) byId("capture", HTMLElement).click();
    else void openCamera().then(take);
  });
  return isPhone || "mediaDevices" in navigator;
}

function drop(take: (file: Blob | null | undefined) => void): void {
  const frames = byId("frames", HTMLElement);
  const pick = byId("pick", HTMLFieldSetElement);
  let depth = 0;
  const mark = (change: number): void => {
    depth = Math.max(0, depth + change);
    frames.dataset["over"] = String(depth > 0 && !pick.disabled);
  };
  addEventListener("dragenter", () => mark(1));
  addEventListener("dragleave", () => mark(-1));
  // Without this the browser would leave the page and show the file.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-depth);
    take(event.dataTransfer?.files[0]);
  });
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file === undefined) return;
    event.preventDefault();
    take(file);
  });
}

/**
 * Offers the samples whose labels are classes of the chosen model. All are loaded with the page, so
 * choosing one tells the server nothing.
 */
export function samplesView(take: Take): (state: State) => void {
  const list = byId("samples", HTMLUListElement);
  const items = new Map<string, HTMLLIElement>();
  for (const { file, name } of SAMPLES) {
    const image = h("img", { src: `./samples/${file}`, alt: name, width: "32", height: "32" });
    const button = h(
      "button",
      { type: "button", class: "sample", "data-testid": `sample-${name}` },
      image,
    );
    button.addEventListener("click", () => take(image, name));
    const item = h("li", {}, button);
    items.set(name, item);
    list.append(item);
  }
  const offer = (names: readonly string[]): void => {
    for (const [name, item] of items) item.hidden = !names.includes(name);
  };
  offer(PHOTOS.map(({ name }) => name));
  return ({ service }) => {
    if (service.at !== "ready") return;
    const { input, classes } = service.facts;
    offer(nounOf(input) === "picture" ? classes : []);
  };
}
