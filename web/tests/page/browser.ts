import { type Browser, chromium } from "playwright-core";
import { FLAGS, chromiumPath } from "../../../tests/chromium/chromium.mjs";

/** A camera that shows a test picture, and asks nobody. */
const CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"];

/** Chromium, headless, with a camera. */
export function launch(): Promise<Browser> {
  const executablePath = chromiumPath(chromium.executablePath());
  return chromium.launch({ executablePath, args: [...FLAGS, ...CAMERA] });
}
