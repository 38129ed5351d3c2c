/** What is on or off, and remembered across reloads. */

/** Something that is on or off. */
export interface Flag {
  get(): boolean;
  set(on: boolean): void;
}

/** The person stopped an upload. */
export const halted = flag("blindsight-upload-halted");
/** The person wants the label alone: an upload that was begun for that goes on after a reload. */
export const labelOnly = flag("blindsight-label-only");

/** Where storage is forbidden, it lasts as long as the page; keys cannot be kept there either. */
function flag(name: string): Flag {
  let here = false;
  return {
    get() {
      try {
        return localStorage.getItem(name) !== null;
      } catch {
        return here;
      }
    },
    set(on) {
      here = on;
      try {
        if (on) localStorage.setItem(name, "");
        else localStorage.removeItem(name);
      } catch {
        // See above.
      }
    },
  };
}
