//! The rotations that linear layers are made of. A client has a key for each.

use blindsight_ckks_eval::bootstrap::hoisted_parent;

/// The rotation that brings the imaginary parts of sums to the real parts: one slot.
/// Slots-to-coefficients has the key.
pub const JOIN: i64 = 1;

/// A giant step: two slots.
pub const GIANT: i64 = 2;

/// Sixteen slots: one pixel of the widest layout.
pub const PIXEL: i64 = 16;

/// Rotations by 1, 2, ... so many pixels have keys.
pub const HOISTED_PIXELS: usize = 3;

/// One row of pixels of the widest layout.
pub const ROW: i64 = 512;

/// One row of pixels of the narrowest layout, four of the widest.
pub const LONG_ROW: i64 = 4 * ROW;

/// From the first tap of a 3x3 kernel to its centre in the widest layout.
pub const RECENTRE: i64 = -(ROW + 32);

/// From how many pixels a rotation by `pixels > 0` pixels is made, and how many more it is.
#[must_use]
pub fn parent(pixels: usize) -> (usize, usize) {
    hoisted_parent(pixels, HOISTED_PIXELS)
}
