//! Groups of butterfly stages: how the linear transforms of a bootstrap are cut.

/// The lengths of a group's largest and smallest stage: up to 8 stages, which have 511 diagonals.
const MOST_RATIO: usize = 128;

/// One group of butterfly stages as a baby-step giant-step linear transform.
///
/// The group's diagonals are multiples of `step`. `babies` of them are reached by small rotations,
/// one after another; the rest in jumps of `step * babies`, for which one key is enough. Small
/// rotations by 1, 2, ... `hoisted` steps have keys: so many baby steps at a time are made from the
/// digits of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepGroup {
    /// The smallest stage: it joins blocks into this length.
    pub first_len: usize,
    /// The largest stage.
    pub last_len: usize,
    /// Baby steps.
    pub babies: usize,
    /// Keys for baby steps.
    pub hoisted: usize,
}

impl StepGroup {
    /// The distance between neighbouring diagonals.
    #[must_use]
    pub fn step(&self) -> usize {
        self.first_len / 2
    }

    /// The rotation of a giant step.
    #[must_use]
    pub fn giant_step(&self) -> usize {
        self.step() * self.babies
    }

    /// From which baby step `index > 0` is made, and how many steps further it is.
    #[must_use]
    pub fn parent(&self, index: usize) -> (usize, usize) {
        hoisted_parent(index, self.hoisted)
    }

    /// How far the group's lowest diagonal lies below zero: the stages reach `first_len / 2 + ... +
    /// last_len / 2` slots to either side. A transform that starts there leaves its output rotated
    /// left by as much. The group with the largest stage wraps around and has no lowest diagonal.
    #[must_use]
    pub fn shift(&self, slots: usize) -> usize {
        if self.last_len == slots { 0 } else { self.last_len - self.step() }
    }

    /// Whether the numbers make a group of a ring with so many slots, and one that is worth it: the
    /// diagonals, each of which fills all slots, double with each stage.
    pub(super) fn is_sound(&self, slots: usize) -> bool {
        let lens = [self.first_len, self.last_len, self.babies];
        lens.iter().all(|len| len.is_power_of_two())
            && (2..=self.last_len).contains(&self.first_len)
            && self.last_len <= slots
            && self.last_len / self.first_len <= MOST_RATIO
            && self.giant_step() <= slots
            && (1..=self.babies).contains(&self.hoisted)
    }
}

/// With keys for 1 to `hoisted` steps, every `hoisted`-th copy is made from the one before it, and
/// those in between from the same digits. Returns the index of the copy that copy `index > 0` is
/// made from, and how many steps further it is.
#[must_use]
pub fn hoisted_parent(index: usize, hoisted: usize) -> (usize, usize) {
    let parent = (index - 1) / hoisted * hoisted;
    (parent, index - parent)
}
