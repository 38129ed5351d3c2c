//! Ends of runs, several in one change.
//!
//! A change of the database costs a commit and a wait for whoever changes something else, however much
//! it changes. Runners whose runs end while another one's end is being written wait for that anyway, so
//! whoever comes next writes the ends of all who wait, and takes a job for each.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use super::Jobs;
use super::end::{Noted, note_end};
use super::queue::{Claim, Claimed, Outcome, Taken, begin, signed, take, tell};
use crate::caller::Caller;
use crate::refusal::Code;
use crate::store::StoreError;
use crate::store::state::jobs::{JobError, JobState};
use crate::store::state::runs::{RunEnd, RunName, Start};
use crate::store::state::{self, Writes};
use crate::time::Timestamp;

/// Ends that nobody has begun to write.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<Vec<Asked>>);

/// The job's new state, or `None` if it was cancelled or deleted meanwhile; and the next job.
type Answer = Result<(Option<JobState>, Claimed), StoreError>;

#[derive(Debug)]
struct Asked {
    end: End,
    answer: Sender<Answer>,
}

/// What is written of a run.
#[derive(Debug, Clone)]
struct End {
    run: RunName,
    start: Start,
    end: RunEnd,
    caller: Caller,
    /// What its caller is charged beyond what was charged in advance.
    charge_ms: i64,
    /// Whether its runner takes another job.
    goes_on: bool,
}

/// Ends a run and takes the next job, in one change: of two, each would wait for its turn and for the
/// disk. Returns the job's new state, or `None` if the job was cancelled or deleted meanwhile.
pub(super) fn end(jobs: &Jobs, claim: &Claim, outcome: &Outcome) -> Answer {
    loop {
        let answer = jobs.ends.ask(End::of(jobs, claim, outcome));
        let _transitions = jobs.board.transitions();
        match answer.try_recv() {
            Err(TryRecvError::Empty) => {}
            Ok(answer) => return answer,
            // Whoever wrote it broke down on the way.
            Err(TryRecvError::Disconnected) => continue,
        }
        // Nobody who holds the transitions leaves anything behind: it is still among them.
        write(jobs, jobs.ends.all());
        if let Ok(answer) = answer.try_recv() {
            return answer;
        }
    }
}

impl Ends {
    fn ask(&self, end: End) -> Receiver<Answer> {
        let (answer, receive) = channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { end, answer });
        receive
    }

    fn all(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl End {
    fn of(jobs: &Jobs, claim: &Claim, outcome: &Outcome) -> Self {
        Self {
            run: claim.run(),
            start: claim.start,
            end: run_end(claim, outcome, jobs.config.max_attempts),
            caller: claim.caller.clone(),
            charge_ms: correction(claim, outcome),
            // Who broke something waits a while.
            goes_on: !jobs.lifecycle.is_stopping() && !matches!(outcome, Outcome::Broken(_)),
        }
    }

    fn job(&self) -> Uuid {
        self.run.job
    }
}

/// Writes ends and answers who asked. To be called where transitions are held.
fn write(jobs: &Jobs, mut asked: Vec<Asked>) {
    // The order in which leases are prolonged too, beside all changes.
    asked.sort_by_key(|asked| asked.end.start.seq);
    let ends: Vec<&End> = asked.iter().map(|asked| &asked.end).collect();
    match change(jobs, &ends) {
        Ok(all) => {
            for (asked, (noted, taken)) in asked.into_iter().zip(all) {
                // Who asked waits for it.
                let _ = asked.answer.send(Ok(settle(jobs, &asked.end, noted, taken)));
            }
            tell(jobs);
            jobs.store.discarded.notify_one();
        }
        Err(error) => match <[Asked; 1]>::try_from(asked) {
            Ok([asked]) => drop(asked.answer.send(Err(error))),
            // Nobody's end fails for what is wrong with another one's.
            Err(asked) => asked.into_iter().for_each(|asked| write(jobs, vec![asked])),
        },
    }
}

/// One change: all ends, and then a job for each runner that goes on.
fn change(jobs: &Jobs, ends: &[&End]) -> Result<Vec<(Noted, Taken)>, StoreError> {
    let now = Timestamp::now();
    let evicted =
        if ends.iter().any(|end| end.goes_on) { jobs.keys.take_evicted() } else { vec![] };
    let changed = jobs.store.db.write(|t| {
        let noted = ends.iter().map(|end| note(t, end, now));
        let noted = noted.collect::<state::Result<Vec<_>>>()?;
        let mut evicted = evicted.as_slice();
        let mut taken: Vec<Taken> = Vec::new();
        // Where there is nothing for one, there is nothing for the next one either.
        let mut nothing = None;
        for end in ends {
            if !end.goes_on {
                taken.push(Taken::Nothing);
                continue;
            }
            let next = match nothing.take() {
                Some(nothing) => nothing,
                None => take(jobs, t, std::mem::take(&mut evicted))?,
            };
            nothing = next.nothing();
            taken.push(next);
        }
        Ok::<_, StoreError>(noted.into_iter().zip(taken).collect())
    });
    if changed.is_err() {
        evicted.iter().for_each(|bundle| jobs.keys.note_gone(bundle));
    }
    changed
}

fn note(t: &dyn Writes, end: &End, now: Timestamp) -> state::Result<Noted> {
    let noted = note_end(t, end.run, end.start, &end.end, now)?;
    if let Noted::Now(_) = noted {
        t.charge(&end.caller, end.charge_ms)?;
    }
    Ok(noted)
}

/// What follows from what was written.
fn settle(jobs: &Jobs, end: &End, noted: Noted, taken: Taken) -> (Option<JobState>, Claimed) {
    if let Noted::TakenOver = noted {
        tracing::warn!(job = %end.job(), "another process has taken the job over");
        jobs.metrics.fenced_commits.inc();
    }
    let row = noted.into_row();
    if row.as_ref().is_none_or(|row| row.state != JobState::Queued) {
        jobs.board.end(end.job(), row.as_ref());
    }
    (row.map(|row| row.state), begin(jobs, taken))
}

/// What becomes of a job.
fn run_end(claim: &Claim, outcome: &Outcome, most_attempts: u32) -> RunEnd {
    let attempts = claim.attempts;
    let given_up = |state, code: Code, detail: String| {
        RunEnd::GivenUp(state, JobError { code: code.as_str().to_owned(), detail })
    };
    match outcome {
        &Outcome::Done { result_bytes, evaluate_ms } => RunEnd::Done { result_bytes, evaluate_ms },
        Outcome::Failed(refusal) => {
            given_up(JobState::Failed, refusal.code, refusal.detail.to_string())
        }
        Outcome::Broken(_) if attempts >= most_attempts => {
            let detail = format!("The job was started {attempts} times and never ended.");
            given_up(JobState::Dead, Code::Internal, detail)
        }
        Outcome::Broken(_) => RunEnd::Again { counted: true },
        Outcome::Interrupted => RunEnd::Again { counted: false },
    }
}

/// What a caller is charged beyond what was charged in advance.
fn correction(claim: &Claim, outcome: &Outcome) -> i64 {
    let real = match outcome {
        Outcome::Done { evaluate_ms, .. } => *evaluate_ms,
        // What a job breaks costs its caller a turn, what the service breaks off costs nothing.
        Outcome::Failed(_) | Outcome::Broken(_) => claim.cost_ms,
        Outcome::Interrupted => 0,
    };
    signed(real).saturating_sub(signed(claim.cost_ms))
}
