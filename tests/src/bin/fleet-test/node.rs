//! A front-end or a worker as a process.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;

/// How a process is to be started that says where it listens.
#[derive(Debug)]
pub(crate) struct Start {
    /// Names its log.
    pub(crate) name: String,
    /// Where its log goes.
    pub(crate) logs: PathBuf,
    pub(crate) command: Command,
}

/// A running process. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// How long a start may take.
const START: Duration = Duration::from_secs(60);

/// A program that was built beside this one.
pub(crate) fn sibling(name: &str) -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.parent().unwrap_or(Path::new(".")).join(name);
    if path.exists() {
        return Ok(path);
    }
    Err(format!("{} is missing: cargo build -p blindsight-tests --bins", path.display()).into())
}

impl Start {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn run(self) -> Outcome<Process> {
        let log = self.logs.join(format!("{}.log", self.name));
        let stderr = OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = self.command;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn()?;
        let (sender, receiver) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    // Nobody listens any more after the first line.
                    let _ = sender.send(line);
                }
            });
        }
        let line = receiver.recv_timeout(START).unwrap_or_default();
        match line.strip_prefix("listening on http://").and_then(|text| text.parse().ok()) {
            Some(address) => Ok(Process { child, address }),
            None => {
                let _ = child.kill().and_then(|()| child.wait());
                Err(format!("{} did not start: see {}", self.name, log.display()).into())
            }
        }
    }
}

impl Process {
    /// Ends it without a word (SIGKILL).
    pub(crate) fn kill(mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub(crate) fn wait_for_end(mut self, limit: Duration) -> Outcome<()> {
        let start = Instant::now();
        loop {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            if start.elapsed() > limit {
                return Err("a node did not end when it was asked to".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Outcome<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.ok_or("a child has no process id")?, signal)?;
        Ok(())
    }

    /// The sum of all samples of a metric, whatever their labels.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let answer = blindsight_tests::http::Request::new("GET", "/metrics").exchange(self.address);
        let answer = answer.ok().filter(|answer| answer.status == 200)?;
        metric(&String::from_utf8(answer.body).ok()?, name)
    }
}

fn metric(text: &str, name: &str) -> Option<f64> {
    let samples = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = rest.strip_prefix('{').and_then(|rest| Some(rest.split_once('}')?.1));
        value.unwrap_or(rest).strip_prefix(' ')?.split(' ').next()?.parse::<f64>().ok()
    });
    samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and then both fail. One that is stopped ends all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_over_their_labels() {
        let text =
            "# TYPE a counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3.5\nab_total 7\nb 1 99\n";
        assert_eq!(metric(text, "a_total"), Some(5.5));
        assert_eq!(metric(text, "b"), Some(1.0));
        assert_eq!(metric(text, "c"), None);
    }
}
