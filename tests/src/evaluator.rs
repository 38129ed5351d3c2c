//! The evaluator as a process.

mod program;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::repository;

/// The evaluator's program, built as these tests are.
#[must_use]
pub fn program() -> &'static Path {
    program::path()
}

/// A running evaluator. It ends when this is dropped.
#[derive(Debug)]
pub struct Evaluator {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    log: PathBuf,
}

/// The command that starts an evaluator on a free port, unless `flags` say otherwise.
pub fn serve(data: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(program::path());
    command.args(["serve", "--data"]).arg(data).args(flags);
    if !flags.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    for (name, _) in std::env::vars_os() {
        // What the person who tests has configured must not reach the test.
        if name.to_string_lossy().starts_with("BLINDSIGHT_") {
            command.env_remove(name);
        }
    }
    command.current_dir(repository()).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// How long a start may take: it encodes the whole model.
pub const START: Duration = Duration::from_secs(180);

impl Evaluator {
    /// Starts an evaluator on a free port, and waits until it listens. Its log is beside the data
    /// folder.
    pub fn start(data: &Path, flags: &[&str]) -> Self {
        let log = data.with_extension("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log);
        let mut command = serve(data, flags);
        command.stderr(file.expect("the log can be opened"));
        let mut child = command.spawn().expect("the evaluator starts");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut stdout = stdout;
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            // Nobody listens any more if the start took too long.
            let _ = sender.send((read, line, stdout));
        });
        let answer = receiver.recv_timeout(START);
        let address = answer.as_ref().ok().and_then(|(_, line, _)| {
            line.trim_end().strip_prefix("listening on http://")?.parse().ok()
        });
        let (Ok((_, _, stdout)), Some(address)) = (answer, address) else {
            // It ended, which the kill finds out, or it hangs.
            let _ = child.kill().and_then(|()| child.wait());
            panic!("the evaluator did not start:\n{}", end_of(&log));
        };
        Self { child, stdout, address, log }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as a power cut would (SIGKILL), and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("the evaluator can be killed");
        self.child.wait().expect("the evaluator ends");
    }

    /// Asks it to end (SIGTERM), and waits for at most `limit`. Returns how it ended and how long
    /// that took.
    pub fn terminate(mut self, limit: Duration) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child has a process id"), Signal::TERM).expect("it still runs");
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                let mut rest = String::new();
                self.stdout.read_to_string(&mut rest).expect("stdout can be read to its end");
                assert_eq!(rest, "", "stdout holds more than one line");
                return (status, start.elapsed());
            }
            assert!(start.elapsed() < limit, "SIGTERM was ignored:\n{}", end_of(&self.log));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Panics if it has ended.
    pub fn assert_alive(&mut self, after: &str) {
        if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
            panic!("the evaluator ended with {status} after {after}:\n{}", end_of(&self.log));
        }
    }

    /// Seconds of processor time that it has used so far.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = self.proc("stat");
        // The name in brackets may hold anything.
        let (_, fields) = stat.rsplit_once(')').expect("the name stands in brackets");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks = ticks.map(|ticks| ticks.parse::<f64>().expect("ticks are a number"));
        ticks.sum::<f64>() / rustix::param::clock_ticks_per_second() as f64
    }

    /// Its largest resident set so far, in bytes, as the system counts it.
    pub fn peak_rss_bytes(&self) -> u64 {
        let status = self.proc("status");
        let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = value.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        1024 * kibibytes.expect("the system counts resident sets")
    }

    /// What it wrote to its log, and those that used the data folder before it.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).expect("the process has a folder in /proc")
    }
}

impl Drop for Evaluator {
    fn drop(&mut self) {
        // It may have been waited for already, and then both fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the evaluator's log ends with:\n{}", end_of(&self.log));
        }
    }
}

fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
