// Twenty pictures on three workers with the real evaluator, two of which are killed on the way: every
// picture must be answered, and every job done once. `node fleet-kill.mjs FOLDER_OF_PROGRAMS`; progress on
// stderr, one line of JSON on stdout. Started by `just fleet-kill`.
import { execFileSync, spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { Client } from "../wasm-client/sdk/dist/node.js";

const JOBS = 20;
const WORKERS = 3;
/** After how many answers a worker is killed. */
const KILLS = [3, 9];

const FORGET = `DROP TABLE IF EXISTS watched_ends; DROP TRIGGER IF EXISTS watch_end ON jobs;
  DROP FUNCTION IF EXISTS watch_end;`;

const root = fileURLToPath(new URL("..", import.meta.url));
const say = (text) => process.stderr.write(`${text}\n`);
const fleet = start(process.argv[2] ?? join(root, "target/release"));
const began = performance.now();
try {
  const report = await run(await fleet.url);
  console.log(JSON.stringify(report));
  process.exitCode = report.well ? 0 : 1;
} catch (error) {
  say(`fleet-kill: ${error.stack}`);
  process.exitCode = 1;
} finally {
  await fleet.stop();
}

async function run(url) {
  const client = await Client.connect(url);
  const keys = await client.keys();
  say(`keys are made and sent, ${(keys.bytes / 1e6).toFixed(1)} MB`);
  fleet.watch();
  const start = performance.now();
  const answers = [];
  const answered = (photo) => async (result) => {
    answers.push({ photo, label: result.label });
    say(`${answers.length} of ${JOBS}: ${photo}: ${result.label}`);
    if (KILLS.includes(answers.length)) fleet.kill();
  };
  const failures = [];
  const jobs = (await photos()).map(async (photo) => {
    const file = await readFile(join(root, "samples", photo));
    await client
      .classify(file, { keys })
      .then(answered(photo), (error) => failures.push(String(error)));
  });
  await Promise.all(jobs);
  client.close();
  const right = answers.filter(({ photo, label }) => photo.includes(`-${label}-`)).length;
  const { done, ends, runs } = fleet.watched();
  const took = (performance.now() - start) / 1000;
  return {
    well: failures.length === 0 && done === JOBS && ends === JOBS,
    jobs: JOBS,
    answered: answers.length,
    done,
    ends,
    runs,
    right,
    failures,
    workers: WORKERS,
    killed: KILLS.length,
    seconds: { jobs: took, total: (performance.now() - began) / 1000 },
  };
}

/** Two pictures of each class. */
async function photos() {
  const names = await readdir(join(root, "samples"));
  return names.filter((name) => /-[01]\.png$/.test(name)).slice(0, JOBS);
}

function start(programs) {
  const child = spawn(join(root, "tests/fleet.sh"), [programs, "--jobs-per-keys", String(JOBS)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, BLINDSIGHT_FLEET_WORKERS: String(WORKERS) },
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const workers = [];
  let database;
  createInterface({ input: child.stderr }).on("line", (text) => {
    say(text);
    const found = /worker \d+: process (\d+), (http\S+)\/metrics$/.exec(text);
    if (found) workers.push({ process: Number(found[1]), url: found[2] });
    database ??= /database: (\S+)$/.exec(text)?.[1];
  });
  const url = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (text) => {
      const found = /^listening on (http\S+)$/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    void ended.then((code) => reject(new Error(`the fleet ended (${code})`)));
  });
  url.catch(() => undefined);
  const query = (sql) => {
    const command = [join(root, "tests/postgres.sh"), "run", "psql", database, "-qAtc", sql];
    return execFileSync("bash", command, { encoding: "utf8" });
  };
  return {
    url,
    kill() {
      const worker = workers.shift();
      process.kill(worker.process, "SIGKILL");
      say(`killed the worker at ${worker.url}`);
    },
    /** Has the database note every end of a job: clients delete their jobs. */
    watch() {
      query(`${FORGET}
        CREATE TABLE watched_ends (job BIGINT, epoch BIGINT);
        CREATE FUNCTION watch_end() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO watched_ends VALUES (NEW.seq, NEW.epoch); RETURN NULL; END $$;
        CREATE TRIGGER watch_end AFTER UPDATE OF state ON jobs
          FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION watch_end()`);
    },
    /** How many jobs have ended, how often altogether, and in how many runs. */
    watched() {
      const found = query(`SELECT json_build_object('done', count(DISTINCT job), 'ends', count(*),
        'runs', coalesce(sum(epoch), 0)) FROM watched_ends`);
      query(FORGET);
      return JSON.parse(found);
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
