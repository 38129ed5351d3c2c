//! The linear end of a program: its last matrix or rescale, and what is added afterwards.

use super::{Operation, Step, Value};

/// The last steps of a program, all of them linear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// The values that they begin with, in ascending order.
    pub(crate) reads: Vec<Value>,
    /// The steps, in ascending order; the last one is that of the answer.
    pub(crate) steps: Vec<usize>,
}

impl End {
    /// The end of a program: it begins with one transform or rescale on every way to the answer. None
    /// where something on the way is not linear.
    pub(crate) fn of(steps: &[Step]) -> Option<Self> {
        let mut end = Self { reads: Vec::new(), steps: Vec::new() };
        // Value `i` is the result of step `i - 1`.
        let mut wanted = vec![false; steps.len() + 1];
        *wanted.last_mut()? = true;
        for (index, step) in steps.iter().enumerate().rev() {
            if !wanted[index + 1] {
                continue;
            }
            let begins = match step.operation {
                Operation::Rescale { .. } | Operation::Transform { .. } => true,
                Operation::Combine { .. } | Operation::AddPlaintext { .. } => false,
                _ => return None,
            };
            end.steps.push(index);
            for input in step.operation.inputs() {
                if begins {
                    end.reads.push(input);
                } else {
                    *wanted.get_mut(input)? = true;
                }
            }
        }
        // Nothing was done to the request.
        if wanted[0] || end.reads.is_empty() {
            return None;
        }
        end.steps.reverse();
        end.reads.sort_unstable();
        end.reads.dedup();
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(operations: Vec<Operation>) -> Option<End> {
        let steps = operations.into_iter().map(|operation| Step { operation, layer: 0 });
        End::of(&steps.collect::<Vec<_>>())
    }

    fn transform(input: Value) -> Operation {
        Operation::Transform { input, transform: 1 }
    }

    fn square(input: Value) -> Operation {
        Operation::Square { input, rescales: 1 }
    }

    #[test]
    fn ends_begin_with_a_transform_or_a_rescale() {
        let rescale = Operation::Rescale { input: 2, level: 1, scale: 1.0 };
        let found = end(vec![square(0), transform(1), rescale]).unwrap();
        assert_eq!(found, End { reads: vec![2], steps: vec![2] });
        let sum = Operation::Combine { terms: vec![([1, 0], 3), ([1, 0], 4)] };
        let bias = Operation::AddPlaintext { input: 5, plaintext: 0 };
        let found = end(vec![square(0), square(0), transform(2), transform(1), sum, bias]);
        assert_eq!(found.unwrap(), End { reads: vec![1, 2], steps: vec![2, 3, 4, 5] });
    }

    #[test]
    fn what_is_not_linear_has_no_end() {
        assert_eq!(end(vec![]), None);
        assert_eq!(end(vec![transform(0), square(1)]), None);
        let bias = |input| Operation::AddPlaintext { input, plaintext: 0 };
        assert_eq!(end(vec![bias(0)]), None, "the request is the answer");
        assert_eq!(end(vec![square(0), bias(1)]), None);
    }
}
