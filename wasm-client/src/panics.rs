//! What to say after a panic.
//!
//! A panic aborts: JavaScript sees a `WebAssembly.RuntimeError`, and the instance must not be used
//! again. Its owner asks [`last_panic`] what happened, and reports that as an error of its own.

use std::cell::RefCell;
use std::panic;

use wasm_bindgen::prelude::wasm_bindgen;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Where the instance panicked, if it did.
#[wasm_bindgen(js_name = lastPanic)]
#[must_use]
pub fn last_panic() -> Option<String> {
    LAST.with(|last| last.try_borrow().ok().and_then(|place| place.clone()))
}

/// Remembers the place of a panic. The message stays out: it might contain values.
#[wasm_bindgen(start)]
pub(crate) fn install_hook() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
        LAST.with(|last| {
            if let Ok(mut last) = last.try_borrow_mut() {
                *last = Some(place.unwrap_or_else(|| "an unknown place".to_owned()));
            }
        });
    }));
}
