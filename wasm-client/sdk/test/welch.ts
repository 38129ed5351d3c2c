// Whether something takes the same time for two kinds of secrets: Welch's t-test on measurements in
// turns, as crates/ckks-client/src/timing.rs has it for native code.

/** Above this, means differ: by chance one measurement in 150,000 gets there. */
export const LARGEST_T = 4.5;

/** Shares of the fastest measurements that are looked at; slow ones are interruptions. */
const SHARES = [0.5, 0.7, 0.85, 0.95];

export interface Verdict {
  /** The largest |t| of all shares. */
  t: number;
  /** The smallest relative difference of means that would have been found. */
  visible: number;
}

/** Measures `work` about `count` times for each kind, which `prepare` gets, in random turns. */
export function compare(
  count: number,
  prepare: (second: boolean) => void,
  work: () => void,
): Verdict {
  const times: [number[], number[]] = [[], []];
  for (let turn = 0; turn < 2 * count + 16; turn += 1) {
    const second = Math.random() < 0.5;
    prepare(second);
    const start = process.hrtime.bigint();
    work();
    const taken = Number(process.hrtime.bigint() - start);
    // The first ones are those of a compiler that still optimises.
    if (turn >= 16) times[second ? 1 : 0].push(taken);
  }
  return judge(times);
}

/** The last verdict of up to three: a machine that does something else just then can make one. */
export function compareAgain(
  count: number,
  prepare: (second: boolean) => void,
  work: () => void,
): Verdict {
  let verdict = compare(count, prepare, work);
  for (let again = 0; again < 2 && verdict.t >= LARGEST_T; again += 1) {
    verdict = compare(count, prepare, work);
  }
  return verdict;
}

export function judge(times: [number[], number[]]): Verdict {
  const pooled = times.flat().sort((a, b) => a - b);
  const verdict = { t: 0, visible: Infinity };
  for (const share of SHARES) {
    const most = pooled[Math.ceil(share * pooled.length) - 1] ?? Infinity;
    const [a, b] = times.map((kind) => moments(kind.filter((time) => time <= most)));
    if (!a || !b) continue;
    const error = Math.sqrt(a.variance / a.count + b.variance / b.count);
    // Fewer than two of a kind: the kinds do not even overlap.
    const apart = a.count < 2 || b.count < 2;
    const difference = Math.abs(a.mean - b.mean);
    verdict.t = Math.max(verdict.t, apart ? Infinity : difference === 0 ? 0 : difference / error);
    if (!apart) verdict.visible = Math.min(verdict.visible, (LARGEST_T * error) / a.mean);
  }
  return verdict;
}

function moments(samples: number[]): { count: number; mean: number; variance: number } {
  const count = samples.length;
  const mean = samples.reduce((sum, x) => sum + x, 0) / count;
  const squares = samples.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { count, mean, variance: squares / (count - 1) };
}
