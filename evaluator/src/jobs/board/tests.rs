use super::*;
use crate::store::state::jobs::JobState;
use crate::testing;

fn record(number: u128, model: &str, state: JobState) -> JobRow {
    JobRow { model: model.to_owned(), state, ..testing::job(number) }
}

fn queued(number: u128, model: &str) -> JobRow {
    record(number, model, JobState::Queued)
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn position(board: &Board, number: u128) -> Option<u32> {
    match board.live(id(number)) {
        Some(Live::Queued { position, .. }) => Some(position),
        _ => None,
    }
}

#[test]
fn positions_follow_the_queue() {
    let board = Board::default();
    board.follow([3, 1, 2].map(|number| queued(number, "a")).to_vec(), vec![]);
    assert_eq!([1, 2, 3].map(|n| position(&board, n)), [Some(1), Some(2), Some(0)]);
    board.start(record(3, "a", JobState::Running));
    assert_eq!([1, 2, 3].map(|n| position(&board, n)), [Some(0), Some(1), None]);
    board.end(id(1), None);
    assert_eq!([1, 2, 3].map(|n| position(&board, n)), [None, Some(0), None]);
    assert_eq!(board.counts(), (1, 1));
    // A job that is put back waits again.
    board.follow([3, 2].map(|number| queued(number, "a")).to_vec(), vec![]);
    assert_eq!(board.counts(), (2, 0));
}

#[test]
fn the_end_interrupts_a_run() {
    let board = Board::default();
    board.follow(vec![queued(1, "a")], vec![]);
    let interrupt = board.start(record(1, "a", JobState::Running));
    board.step(id(1), 5);
    assert!(!interrupt.is_set());
    assert!(matches!(board.live(id(1)), Some(Live::Running { step: 5, .. })));
    board.end(id(1), None);
    assert!(interrupt.is_set());
    assert_eq!(board.live(id(1)), None);
}

#[test]
fn only_what_concerns_a_job_is_told_to_those_who_look_at_it() {
    let board = Board::default();
    board.follow([1, 2, 3].map(|number| queued(number, "a")).to_vec(), vec![]);
    assert!(board.watch(id(4)).is_none());
    let [mut one, mut two, mut three] = [1, 2, 3].map(|n| board.watch(id(n)).unwrap());
    let seen = |watch: &mut watch::Receiver<Option<JobView>>| {
        let changed = watch.has_changed().unwrap_or(false);
        changed.then(|| {
            let view = watch.borrow_and_update().clone().unwrap();
            (view.state, view.position, view.step)
        })
    };
    let run = record(1, "a", JobState::Running);
    board.start(run.clone());
    board.follow([2, 3].map(|number| queued(number, "a")).to_vec(), vec![run]);
    assert_eq!(seen(&mut one), Some((JobState::Running, None, 0)));
    assert_eq!(seen(&mut two), Some((JobState::Queued, Some(0), 0)));
    assert_eq!(seen(&mut three), Some((JobState::Queued, Some(1), 0)));
    // Steps of a run are nobody else's business.
    board.step(id(1), 7);
    assert_eq!(seen(&mut one), Some((JobState::Running, None, 7)));
    assert_eq!((seen(&mut two), seen(&mut three)), (None, None));
    // The end is the last that is told.
    board.end(id(1), Some(&record(1, "a", JobState::Done)));
    assert_eq!(one.borrow_and_update().as_ref().map(|view| view.state), Some(JobState::Done));
    assert!(one.has_changed().is_err());
    // What is deleted ends without a word.
    board.end(id(2), None);
    board.follow(vec![queued(3, "a")], vec![]);
    assert!(two.has_changed().is_err());
    assert_eq!(seen(&mut three), Some((JobState::Queued, Some(0), 0)));
    // Nobody is remembered who has left.
    drop(three);
    board.follow(vec![queued(3, "a")], vec![]);
    assert!(board.inner().audience.is_empty());
}

#[test]
fn runs_of_others_are_followed_and_lost_ones_end() {
    let board = Board::default();
    let of = |number, epoch, step| JobRow { epoch, step, ..record(number, "a", JobState::Running) };
    board.follow(vec![queued(1, "a"), queued(2, "a")], vec![]);
    let watches = [1, 2].map(|number| board.watch(id(number)).unwrap());
    let interrupt = board.start(of(1, 4, 0));
    board.follow(vec![], vec![of(1, 4, 0), of(2, 1, 3)]);
    assert_eq!((board.counts(), board.own().len()), ((0, 2), 1));
    assert!(matches!(board.live(id(2)), Some(Live::Running { step: 3, .. })));
    // Notes may come in another order, and rows later than notes.
    for (step, expected) in [(7, 7), (5, 7), (99, 7)] {
        board.step(id(2), step);
        assert!(matches!(board.live(id(2)), Some(Live::Running { step, .. }) if step == expected));
    }
    board.follow(vec![], vec![of(1, 4, 0), of(2, 1, 4)]);
    assert!(matches!(board.live(id(2)), Some(Live::Running { step: 7, .. })));
    assert!(!interrupt.is_set());
    // Somebody else has taken the first over, and the second has ended.
    assert_eq!(board.follow(vec![], vec![of(1, 5, 0)]), [id(2)]);
    assert!(interrupt.is_set() && board.own().is_empty());
    drop(watches);
}

#[test]
fn estimates_need_a_finished_run() {
    let board = Board::default();
    board.follow(vec![queued(1, "a"), queued(2, "b")], vec![]);
    let eta = |number: u128| match board.live(id(number)) {
        Some(Live::Queued { eta_seconds, .. }) => eta_seconds,
        other => panic!("{other:?}"),
    };
    assert_eq!(eta(2), None);
    board.note_run("a", 10.0);
    assert_eq!((eta(1), eta(2)), (Some(10.0), None));
    board.note_run("b", 3.0);
    assert_eq!((eta(1), eta(2)), (Some(10.0), Some(13.0)));
}
