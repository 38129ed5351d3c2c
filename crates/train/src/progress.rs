//! How far a training is, on the standard error.

use std::io::{IsTerminal, Write};

use crate::fit::Epoch;

/// Where progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Nowhere.
    #[default]
    Quiet,
    /// On the standard error: a line for every epoch, and a bar where a person looks.
    Shown,
}

impl Progress {
    /// Batch `done` of `all` in an epoch.
    pub(crate) fn batch(self, epoch: usize, done: usize, all: usize) {
        let mut stream = std::io::stderr();
        if self == Self::Shown && stream.is_terminal() {
            let filled = done * 40 / all.max(1);
            let bar = format!("{}{}", "=".repeat(filled), " ".repeat(40 - filled));
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(stream, "\repoch {epoch} [{bar}] {done} of {all}");
            let _ = stream.flush();
        }
    }

    /// The end of an epoch.
    pub(crate) fn epoch(self, epoch: &Epoch, epochs: usize) {
        if self == Self::Quiet {
            return;
        }
        let Epoch { number, loss, .. } = epoch;
        let held_out = epoch.held_out.map(|held_out| {
            format!(
                ", held out: {:.2} % right, loss {:.4}",
                100.0 * held_out.accuracy,
                held_out.loss
            )
        });
        let start = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
        eprintln!(
            "{start}epoch {number} of {epochs}: loss {loss:.4}{}",
            held_out.unwrap_or_default()
        );
    }
}
