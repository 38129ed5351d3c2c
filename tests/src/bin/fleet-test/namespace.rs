//! A network of a worker's own, whose cable can be pulled. Needs root and `ip`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;

/// A network namespace with one cable to this machine. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
    number: u8,
}

impl Namespace {
    /// A new one; an error says what is missing.
    pub(crate) fn make(number: u8) -> Outcome<Self> {
        let name = format!("blindsight-{}-{number}", std::process::id());
        ip(&["netns", "add", &name])?;
        let namespace = Self { name, number };
        let (outer, inner) = (namespace.cable(), format!("{}i", namespace.cable()));
        let (outside, inside) = namespace.addresses();
        let (name, outside) = (&namespace.name, format!("{outside}/30"));
        ip(&["link", "add", &outer, "type", "veth", "peer", "name", &inner, "netns", name])?;
        ip(&["address", "add", &outside, "dev", &outer])?;
        ip(&["link", "set", &outer, "up"])?;
        ip(&["-n", name, "address", "add", &format!("{inside}/30"), "dev", &inner])?;
        ip(&["-n", name, "link", "set", &inner, "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Deletes those of tests that were killed: their cables have the addresses of new ones.
    pub(crate) fn sweep() -> Outcome<()> {
        let output = Command::new("ip").args(["netns", "list"]).stdin(Stdio::null()).output()?;
        let list = String::from_utf8_lossy(&output.stdout);
        for name in list.lines().filter_map(|line| line.split(' ').next()) {
            if maker(name).is_some_and(|process| !Path::new("/proc").join(process).exists()) {
                ip(&["netns", "delete", name])?;
            }
        }
        Ok(())
    }

    fn cable(&self) -> String {
        format!("bs{}n{}", std::process::id() % 100_000, self.number)
    }

    /// This machine's end of the cable, and the other one.
    pub(crate) fn addresses(&self) -> (IpAddr, IpAddr) {
        let end = |last| IpAddr::V4(Ipv4Addr::new(10, 213, self.number, last));
        (end(1), end(2))
    }

    /// A command that runs a program in here.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Plugs the cable in, or pulls it out.
    pub(crate) fn link(&self, up: bool) -> Outcome<()> {
        ip(&["link", "set", &self.cable(), if up { "up" } else { "down" }])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The cable goes with it.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

/// The process that made a namespace of this name, if it is one of ours.
fn maker(name: &str) -> Option<&str> {
    let (process, number) = name.strip_prefix("blindsight-")?.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (is_number(process) && is_number(number)).then_some(process)
}

fn ip(arguments: &[&str]) -> Outcome<()> {
    let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {}: {}", arguments.join(" "), why.trim()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_who_made_them() {
        assert_eq!(maker("blindsight-4711-3"), Some("4711"));
        for other in ["blindsight-4711", "blindsight--3", "blindsight-a-3", "other-4711-3", ""] {
            assert_eq!(maker(other), None, "{other}");
        }
    }
}
