/** A photo from the camera, for devices without a camera program of their own. */
import { byId, h, setText } from "../dom.ts";

/** Shows the camera until a photo is taken (resolves to it) or the dialog is closed (null). */
export async function openCamera(): Promise<Blob | null> {
  const dialog = byId("camera", HTMLDialogElement);
  const video = byId("camera-view", HTMLVideoElement);
  const title = byId("camera-name", HTMLElement);
  const shoot = byId("camera-shoot", HTMLButtonElement);
  setText(title, "Take a photo");
  shoot.disabled = true;
  dialog.showModal();
  const closed = new Promise<null>((resolve) => {
    dialog.addEventListener("close", () => resolve(null), { once: true });
    byId("camera-close", HTMLElement).addEventListener("click", () => dialog.close(), {
      once: true,
    });
  });
  let stream: MediaStream | null = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (!dialog.open) return null;
    video.srcObject = stream;
    await video.play();
    shoot.disabled = false;
    const taken = new Promise<Blob | null>((resolve) => {
      shoot.addEventListener("click", () => resolve(still(video)), { once: true });
    });
    return await Promise.race([taken, closed]);
  } catch {
    setText(title, "The camera is not available, or the page may not use it.");
    return await closed;
  } finally {
    stream?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    dialog.close();
  }
}

function still(video: HTMLVideoElement): Promise<Blob | null> {
  const canvas = h("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
