//! How feature maps and pictures lie in the slots of a ciphertext.
//!
//! There are `2^14` slots and three stages of the network. Channels are the fastest index, so that
//! a weight that depends on the channels alone repeats with a short period and its plaintext is
//! small:
//!
//! ```text
//! slot = row * (512 << stage) + copy * 512 + column * (16 << stage) + channel
//!
//! stage   channels   pixels   copies
//!   0        16      32 x 32     1
//!   1        32      16 x 16     2
//!   2        64       8 x  8     4
//! ```
//!
//! Halving the resolution doubles the channels and leaves room for twice the copies: a strided
//! convolution writes straight into the next layout, nothing is gathered.

mod layout;
mod picture;
pub mod steps;

pub use layout::{Layout, ROW_SLOTS, SLOTS, STAGES};
pub use picture::{GROUPS, RowGroup, request_boxes};
