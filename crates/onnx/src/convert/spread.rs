//! Dilated kernels as plain ones: with zeros where they read nothing.

use blindsight_model::graph::MAX_WEIGHTS;

/// The dimensions of a kernel `[out, in / groups, height, width]` without dilation; `None` when these
/// are not possible, or there would be more weights than [`MAX_WEIGHTS`].
pub(super) fn dims(
    [outputs, inputs, height, width]: [usize; 4],
    groups: usize,
    [down, right]: [usize; 2],
) -> Option<[usize; 4]> {
    if groups == 0 || outputs % groups != 0 {
        return None;
    }
    if [down, right] == [1, 1] {
        // As it is, whatever it is.
        return Some([outputs, inputs, height, width]);
    }
    if [height, width, down, right].contains(&0) {
        return None;
    }
    let reach = |side: usize, step: usize| (side - 1).checked_mul(step)?.checked_add(1);
    let dims = [outputs, inputs, reach(height, down)?, reach(width, right)?];
    let count = dims.iter().try_fold(1_usize, |product, side| product.checked_mul(*side))?;
    (count <= MAX_WEIGHTS).then_some(dims)
}

/// The weights with the dimensions that [`dims`] gives.
pub(super) fn spread(
    weights: &[f32],
    [_, _, height, width]: [usize; 4],
    to: [usize; 4],
    [down, right]: [usize; 2],
) -> Vec<f32> {
    let [_, _, reach, across] = to;
    let mut spread = vec![0.0; to.iter().product()];
    for (index, weight) in weights.iter().enumerate() {
        let (x, y, kernel) = (index % width, index / width % height, index / (width * height));
        spread[(kernel * reach + y * down) * across + x * right] = *weight;
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dilation_becomes_gaps() {
        // Kernels of one row and two columns.
        let from = [2, 1, 1, 2];
        let to = dims(from, 2, [1, 3]).unwrap();
        assert_eq!(to, [2, 1, 1, 4]);
        let spread = spread(&[1.0, 2.0, 3.0, 4.0], from, to, [1, 3]);
        assert_eq!(spread, [1.0, 0.0, 0.0, 2.0, 3.0, 0.0, 0.0, 4.0]);
    }

    #[test]
    fn impossible_kernels_are_refused() {
        let kernel = [4, 2, 3, 3];
        assert_eq!(dims(kernel, 3, [1, 1]), None, "four channels in three groups");
        assert_eq!(dims(kernel, 0, [1, 1]), None);
        assert_eq!(dims(kernel, 1, [0, 1]), None);
        assert_eq!(dims(kernel, 1, [1, usize::MAX]), None);
        assert_eq!(dims([4096, 4, 3, 3], 1024, [20, 20]), None, "28 million weights");
        assert_eq!(dims(kernel, 2, [2, 1]), Some([4, 2, 5, 3]));
        assert_eq!(dims([4096, 1, 3, 3], 4096, [1, 1]), Some([4096, 1, 3, 3]));
    }
}
