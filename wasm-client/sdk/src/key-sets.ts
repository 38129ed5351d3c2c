// Which keys are where: sums over names of keys, without any request.
import type { KeySetRecord } from "./store/store.js";
import type { Description } from "./generated.js";

/** The server takes no more key sets at a time. */
const MOST_SETS = 8;

/** The key sets that hold keys of a model: few, and each with a key that those before lack. */
export function usefulSets(said: Description, sets: readonly KeySetRecord[]): KeySetRecord[] {
  // A model without keys: its jobs are submitted under any set, if only an empty one.
  if (said.keys.length === 0) return sets.slice(0, 1);
  const lacking = new Set(said.keys.map((key) => key.name));
  const useful: KeySetRecord[] = [];
  const helps = (set: KeySetRecord) => set.keys.filter((name) => lacking.has(name)).length;
  while (useful.length < MOST_SETS) {
    const best = sets.reduce<KeySetRecord | null>(
      (most, set) => (helps(set) > (most ? helps(most) : 0) ? set : most),
      null,
    );
    if (!best) break;
    useful.push(best);
    for (const name of best.keys) lacking.delete(name);
  }
  return useful;
}

/** The places, in the model's list, of keys that are in none of the sets. */
export function missingPlaces(said: Description, sets: readonly KeySetRecord[]): number[] {
  const have = new Set(sets.flatMap((set) => set.keys));
  return said.keys.flatMap((key, place) => (have.has(key.name) ? [] : [place]));
}

/** The names of the keys at some places. */
export function namesOf(said: Description, places: readonly number[]): string[] {
  return places.flatMap((place) => said.keys[place]?.name ?? []);
}

/** Whether two lists of names are one. */
export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
