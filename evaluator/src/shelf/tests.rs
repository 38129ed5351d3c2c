use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

type Numbers = Shelf<u8, u64>;

fn shelf(limit: u64) -> Numbers {
    Shelf::new(limit, |_| ())
}

fn wanted(keys: &[(u8, u64)]) -> Vec<Wanted<u8>> {
    keys.iter().map(|&(key, expected)| Wanted { key, expected }).collect()
}

/// Takes into use, and says what had to be made.
fn take<'a>(shelf: &'a Numbers, keys: &[(u8, u64)]) -> (Lease<'a, u8, u64>, Vec<u8>) {
    let mut made = Vec::new();
    let lease = shelf.acquire(&wanted(keys), &|| false, |key| {
        made.push(*key);
        let bytes = keys.iter().find(|(other, _)| other == key).map_or(0, |(_, bytes)| *bytes);
        Ok::<_, ()>((Arc::new(u64::from(*key)), Weight { bytes, shared: None }))
    });
    let lease = lease.unwrap_or_else(|_| unreachable!("nothing fails here"));
    (lease, made)
}

fn makes(shelf: &Numbers, keys: &[(u8, u64)]) -> Vec<u8> {
    take(shelf, keys).1
}

#[test]
fn the_least_recently_used_go_first() {
    let shelf = shelf(100);
    assert_eq!(makes(&shelf, &[(1, 40), (2, 40)]), [1, 2]);
    assert!(makes(&shelf, &[(1, 40)]).is_empty());
    assert_eq!(makes(&shelf, &[(3, 40)]), [3]);
    assert_eq!(shelf.bytes(), 80);
    assert!(makes(&shelf, &[(1, 40)]).is_empty());
    assert_eq!(makes(&shelf, &[(2, 40)]), [2]);
    shelf.remove(&1);
    assert_eq!((shelf.bytes(), makes(&shelf, &[(1, 40)])), (40, vec![1]));
}

#[test]
fn what_is_in_use_stays() {
    let shelf = shelf(100);
    let (one, _) = take(&shelf, &[(1, 60)]);
    // There would be room only if the first one went.
    let refused = AtomicBool::new(false);
    let give_up = || refused.swap(true, Ordering::Relaxed);
    let second = shelf.acquire(&wanted(&[(2, 60)]), &give_up, |_| Err(()));
    assert!(matches!(second, Err(AcquireError::GivenUp)));
    // Removed, it still counts until its use ends.
    shelf.remove(&1);
    assert_eq!((shelf.bytes(), *one.values()[0]), (60, 1));
    drop(one);
    assert_eq!(shelf.bytes(), 0);
    assert_eq!(makes(&shelf, &[(2, 60)]), [2]);
}

#[test]
fn what_does_not_fit_is_made_alone_and_leaves_first() {
    let shelf = shelf(100);
    makes(&shelf, &[(1, 50)]);
    let (big, made) = take(&shelf, &[(2, 500)]);
    assert_eq!((made, shelf.bytes()), (vec![2], 500));
    drop(big);
    assert_eq!(shelf.bytes(), 0);
    assert_eq!(makes(&shelf, &[(3, u64::MAX), (4, u64::MAX)]), [3, 4]);
}

#[test]
fn what_is_shared_counts_once() {
    let shelf = shelf(100);
    for key in [1, 2] {
        let load = |key: &u8| {
            Ok::<_, ()>((Arc::new(u64::from(*key)), Weight { bytes: 10, shared: Some((7, 60)) }))
        };
        drop(shelf.acquire(&wanted(&[(key, 10)]), &|| false, load));
    }
    assert_eq!((shelf.bytes(), shelf.list().len()), (80, 2));
}

#[test]
fn a_failure_or_a_panic_leaves_nothing_behind() {
    let shelf = shelf(100);
    let failed = shelf.acquire(&wanted(&[(1, 90)]), &|| false, |_| Err("no"));
    assert!(matches!(failed, Err(AcquireError::Load("no"))));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(shelf.acquire::<()>(&wanted(&[(1, 90)]), &|| false, |_| std::panic::panic_any(1)));
    }));
    assert!(panicked.is_err());
    assert_eq!(shelf.bytes(), 0);
    assert_eq!(makes(&shelf, &[(1, 90)]), [1]);
}

#[test]
fn many_who_miss_at_once_make_it_once() {
    let shelf = shelf(100);
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let lease = shelf.acquire(&wanted(&[(1, 70), (2, 20)]), &|| false, |key| {
                    made.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(20));
                    Ok::<_, ()>((Arc::new(u64::from(*key)), Weight { bytes: 20, shared: None }))
                });
                assert!(lease.is_ok_and(|lease| lease.values().len() == 2));
            });
        }
    });
    assert_eq!(made.load(Ordering::Relaxed), 2);
}

#[test]
fn those_who_need_much_take_turns() {
    let shelf = shelf(100);
    std::thread::scope(|scope| {
        for key in 1..=6 {
            let shelf = &shelf;
            scope.spawn(move || {
                for _ in 0..20 {
                    let (lease, _) = take(shelf, &[(key, 60), (key % 3 + 10, 30)]);
                    assert!(shelf.bytes() <= 100, "{}", shelf.bytes());
                    drop(lease);
                }
            });
        }
    });
}
