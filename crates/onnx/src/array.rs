//! Small dense arrays: constants of the model while shapes are computed from them.

/// Numbers in row-major order; `dims` multiply to their count.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array<T> {
    dims: Vec<usize>,
    values: Vec<T>,
}

impl<T: Copy> Array<T> {
    /// An array; `None` when the count is not what the dimensions say, or when they overflow.
    pub(crate) fn new(dims: Vec<usize>, values: Vec<T>) -> Option<Self> {
        // Zeros are left out, lest they hide that products of some of the sides overflow.
        let sides = dims.iter().filter(|&&side| side > 0);
        let product = sides.copied().try_fold(1_usize, usize::checked_mul)?;
        let count = if dims.contains(&0) { 0 } else { product };
        (count == values.len()).then_some(Self { dims, values })
    }

    pub(crate) fn vector(values: Vec<T>) -> Self {
        Self { dims: vec![values.len()], values }
    }

    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims
    }

    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }

    pub(crate) fn into_values(self) -> Vec<T> {
        self.values
    }

    /// The only element, if there is only one.
    pub(crate) fn scalar(&self) -> Option<T> {
        match *self.values.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }

    pub(crate) fn map<U>(&self, change: impl FnMut(T) -> U) -> Array<U> {
        Array { dims: self.dims.clone(), values: self.values.iter().copied().map(change).collect() }
    }

    pub(crate) fn reshaped(self, dims: Vec<usize>) -> Option<Self> {
        Self::new(dims, self.values)
    }

    /// The axes in another order: `order[i]` is the old place of the new axis `i`.
    pub(crate) fn transposed(&self, order: &[usize]) -> Option<Self> {
        if !is_permutation(order, self.dims.len()) {
            return None;
        }
        let strides = strides(&self.dims);
        let dims: Vec<usize> =
            order.iter().filter_map(|&axis| self.dims.get(axis)).copied().collect();
        let strides: Vec<usize> =
            order.iter().filter_map(|&axis| strides.get(axis)).copied().collect();
        let mut values = Vec::with_capacity(self.values.len());
        let mut place = vec![0; dims.len()];
        for _ in 0..self.values.len() {
            let from: usize = place.iter().zip(&strides).map(|(at, stride)| at * stride).sum();
            values.push(*self.values.get(from)?);
            for (at, &side) in place.iter_mut().zip(&dims).rev() {
                *at += 1;
                if *at < side {
                    break;
                }
                *at = 0;
            }
        }
        Self::new(dims, values)
    }

    /// Only the given places along one axis, in the given order.
    pub(crate) fn picked(&self, axis: usize, places: &[usize]) -> Option<Self> {
        let side = *self.dims.get(axis)?;
        let inner: usize = self.dims.get(axis + 1..)?.iter().product();
        let mut values = Vec::new();
        if side > 0 && inner > 0 {
            for block in self.values.chunks_exact(side * inner) {
                for &place in places {
                    let start = place.checked_mul(inner)?;
                    values.extend_from_slice(block.get(start..start.checked_add(inner)?)?);
                }
            }
        }
        let mut dims = self.dims.clone();
        *dims.get_mut(axis)? = places.len();
        Self::new(dims, values)
    }
}

/// Whether `order` names each of `rank` axes once.
pub(crate) fn is_permutation(order: &[usize], rank: usize) -> bool {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    sorted.into_iter().eq(0..rank)
}

/// The axis that a number means: negative ones count from the end.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis.checked_add(rank)? } else { axis };
    if axis < rank { usize::try_from(axis).ok() } else { None }
}

/// How far apart neighbours of each axis are.
fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    let mut product = 1;
    for (stride, side) in strides.iter_mut().zip(dims).rev() {
        *stride = product;
        product *= side;
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_change_places() {
        let array = Array::new(vec![2, 1, 3], vec![1, 2, 3, 4, 5, 6]).unwrap();
        let turned = array.transposed(&[2, 0, 1]).unwrap();
        assert_eq!(turned, Array::new(vec![3, 2, 1], vec![1, 4, 2, 5, 3, 6]).unwrap());
        assert_eq!(turned.transposed(&[1, 2, 0]).unwrap(), array);
        assert!(array.transposed(&[0, 0, 1]).is_none());
        assert!(array.transposed(&[0, 1]).is_none());
        assert!(array.transposed(&[0, 1, 3]).is_none());
    }

    #[test]
    fn places_are_picked_along_an_axis() {
        let array = Array::new(vec![2, 3], vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(array.picked(1, &[2, 0]).unwrap().values(), [3, 1, 6, 4]);
        assert_eq!(array.picked(0, &[1]).unwrap(), Array::new(vec![1, 3], vec![4, 5, 6]).unwrap());
        assert!(array.picked(1, &[3]).is_none());
        assert!(array.picked(2, &[0]).is_none());
        assert_eq!(array.picked(0, &[]).unwrap().dims(), [0, 3]);
    }

    #[test]
    fn axes_count_from_either_end() {
        assert_eq!(
            [axis_of(-1, 4), axis_of(0, 4), axis_of(4, 4), axis_of(-5, 4)],
            [Some(3), Some(0), None, None]
        );
        assert_eq!(axis_of(i64::MIN, 4), None);
    }

    #[test]
    fn counts_must_fit() {
        assert!(Array::new(vec![2, 2], vec![0.0; 3]).is_none());
        assert!(Array::<i64>::new(vec![usize::MAX, 2], Vec::new()).is_none());
        assert!(Array::<i64>::new(vec![0, usize::MAX, 2], Vec::new()).is_none());
        assert!(Array::<i64>::new(vec![0, 2], Vec::new()).is_some());
        assert_eq!(Array::new(Vec::new(), vec![7]).unwrap().scalar(), Some(7));
    }
}
