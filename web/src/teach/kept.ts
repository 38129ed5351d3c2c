/** Keeps what was taught in this browser. Where storage is forbidden, it lasts as long as the page. */

const NAME = "blindsight-taught";

/** Where it is kept. */
export interface Kept {
  load(): unknown;
  save(value: object): void;
  remove(): void;
}

export const kept: Kept = {
  load() {
    try {
      return JSON.parse(localStorage.getItem(NAME) ?? "null") as unknown;
    } catch {
      return null;
    }
  },
  save(value) {
    try {
      localStorage.setItem(NAME, JSON.stringify(value));
    } catch {
      // See above.
    }
  },
  remove() {
    try {
      localStorage.removeItem(NAME);
    } catch {
      // See above.
    }
  },
};
