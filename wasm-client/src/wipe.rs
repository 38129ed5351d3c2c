//! No secret outlives its work in the module's memory.
//!
//! What owns a secret wipes it when dropped. Two things are beyond its reach, and they are here:
//! blocks of the heap that libraries give back (a decoder's pixels, the bytes that travel between
//! JavaScript and the module), and what functions leave on the stack of the module, which lies in
//! its memory like everything else.

use std::hint::black_box;

use wasm_bindgen::prelude::wasm_bindgen;

/// Every block is overwritten when it is given back.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Deeper than any call here; the stack has twice as much.
const STACK_BYTES: usize = 512 << 10;

/// Overwrites what earlier calls left on the stack. To be called from JavaScript, where nothing else
/// stands on it, after whatever touched a secret.
#[wasm_bindgen(js_name = wipeStack)]
pub fn wipe_stack() {
    black_box(&mut [0_u8; STACK_BYTES]);
}
