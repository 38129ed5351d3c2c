// How well the package's classifier learns digits that an encoder has not seen: from pixels, from the
// encoder's features, and from encrypted ones. `blindsight transfer` wrote them to the folder:
// `node transfer.mjs FOLDER`. A table on stdout, the last line is JSON.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { Classifier } from "../dist/node.js";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node transfer.mjs FOLDER");
  process.exit(2);
}
const { labels, ...contents } = JSON.parse(await readFile(join(folder, "contents.json"), "utf8"));
const { draws, each, tests, encrypted_draws, encrypted_tests } = contents;

const pixels = await table("pixels", contents.pixels);
const plain = await table("plain", contents.features);
const encrypted = await table("encrypted", contents.features);

/** What is learnt from, what it is tested on, and where their digits stand among all. */
const rows = [
  measure("raw pixels", pixels, { draws, tests, first: draws * each }),
  measure("features", plain, { draws, tests, first: draws * each }),
  ...(encrypted_draws > 0 && encrypted_tests > 0
    ? [
        // The same draws and tests in all three ways.
        measure("raw pixels, the same digits", pixels, {
          draws: encrypted_draws,
          tests: encrypted_tests,
          first: draws * each,
        }),
        measure("features, the same digits", plain, {
          draws: encrypted_draws,
          tests: encrypted_tests,
          first: draws * each,
        }),
        measure("encrypted features", encrypted, {
          draws: encrypted_draws,
          tests: encrypted_tests,
          first: encrypted_draws * each,
        }),
      ]
    : []),
];
for (const { row, accuracy, least, most, draws, tests } of rows) {
  const percent = [accuracy, least, most].map((part) => `${(100 * part).toFixed(2)} %`);
  console.log(
    `${row.padEnd(28)} ${percent[0].padStart(8)}  (${percent[1]} to ${percent[2]}; ${draws} draws, ${tests} tests)`,
  );
}
const gain = rows[1].accuracy - rows[0].accuracy;
console.log(JSON.stringify({ rows, gain, ...contents }));

/** The rows of a file. */
async function table(name, width) {
  const bytes = await readFile(join(folder, `${name}.f32`));
  const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return (row) => numbers.subarray(row * width, (row + 1) * width);
}

/** The part of the tests that is right, for each draw; tests begin at the row `first`. */
function measure(row, vector, { draws, tests, first }) {
  const label = (at) => String(labels[at]);
  const right = Array.from({ length: draws }, (_, draw) => {
    const examples = Array.from({ length: each }, (_, at) => ({
      features: vector(draw * each + at),
      label: label(draw * each + at),
    }));
    const classifier = Classifier.train(examples);
    let count = 0;
    for (let test = 0; test < tests; test += 1) {
      // In the list of labels, tests come after all draws.
      const expected = label(contents.draws * each + test);
      if (classifier.predict(vector(first + test)).label === expected) count += 1;
    }
    return count / tests;
  });
  const accuracy = right.reduce((a, b) => a + b, 0) / right.length;
  const [least, most] = [Math.min(...right), Math.max(...right)];
  return { row, accuracy, least, most, draws, tests, right };
}
