/** Remembers across reloads that the person stopped an upload. */
const NAME = "blindsight-upload-halted";

/** Where storage is forbidden, nothing is remembered; keys cannot be kept there either. */
export const halted = {
  get(): boolean {
    try {
      return localStorage.getItem(NAME) !== null;
    } catch {
      return false;
    }
  },
  set(halted: boolean): void {
    try {
      if (halted) localStorage.setItem(NAME, "");
      else localStorage.removeItem(NAME);
    } catch {
      // See above.
    }
  },
};
