//! Convolutions, as products of a matrix with all patches.

use blindsight_model::graph::Padding;
use blindsight_model::tensor::Shape;
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::matrix::Matrix;
use super::{Learning, Maps, Mode, Tensor};

pub(super) struct Convolution {
    matrix: Matrix,
    patches: Patches,
    /// The patches of the last batch in training, one a row.
    source: Array2<f32>,
}

/// Where every element of every patch is read.
struct Patches {
    /// Elements of what is read.
    elements: usize,
    /// For every patch, for every element of the kernel, where it is read; beyond the end are zeros.
    places: Vec<usize>,
    /// Elements of a patch.
    each: usize,
    /// How many patches there are.
    count: usize,
}

impl Convolution {
    pub(super) fn new(
        source: Shape,
        filters: usize,
        kernel: usize,
        stride: usize,
        padding: Padding,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let patches = Patches::new(source, kernel, stride, padding);
        let matrix = Matrix::random(filters, patches.each, random);
        Self { matrix, patches, source: Array2::default((0, 0)) }
    }
}

impl Learning for Convolution {
    fn forward(&mut self, source: Maps, mode: Mode) -> Maps {
        let patches = self.patches.gather(&source);
        let result = transposed(&self.matrix.times(&patches, mode), self.patches.count);
        if mode.training {
            self.source = patches;
        }
        result
    }

    fn backward(&mut self, gradient: Maps, input: bool) -> Maps {
        let filters = gradient.ncols() / self.patches.count;
        let gradient = transposed_back(&gradient, filters);
        self.matrix.learn(&self.source, &gradient);
        if input {
            return Maps::default((0, 0));
        }
        self.patches.scatter(&self.matrix.back(&gradient))
    }

    fn begin_at(&mut self, start: f32) {
        self.matrix.bias.values.fill(start);
    }

    fn tensors(&mut self) -> Vec<&mut Tensor> {
        vec![&mut self.matrix.weights, &mut self.matrix.bias]
    }
}

impl Patches {
    fn new(source: Shape, kernel: usize, stride: usize, padding: Padding) -> Self {
        let (height, width) = (source.height(), source.width());
        let [top, left, bottom, right] = padding.sides();
        let corners = |before: usize, side: usize, after: usize| {
            (0..=before + side + after - kernel).step_by(stride)
        };
        let mut places = Vec::new();
        for row in corners(top, height, bottom) {
            for column in corners(left, width, right) {
                for channel in 0..source.channels() {
                    for at in 0..kernel * kernel {
                        let (y, x) = (row + at / kernel, column + at % kernel);
                        let inside =
                            (top..top + height).contains(&y) && (left..left + width).contains(&x);
                        let place = || (channel * height + y - top) * width + x - left;
                        places.push(if inside { place() } else { source.elements() });
                    }
                }
            }
        }
        let each = source.channels() * kernel * kernel;
        let count = places.len() / each;
        Self { elements: source.elements(), places, each, count }
    }

    /// All patches of a batch, one a row, picture by picture.
    fn gather(&self, source: &Maps) -> Array2<f32> {
        let mut result = Array2::zeros((source.nrows() * self.count, self.each));
        let source = source.as_standard_layout();
        rows(&mut result, self.places.len()).zip(slices(&source)).for_each(|(to, from)| {
            for (to, &place) in to.iter_mut().zip(&self.places) {
                *to = from.get(place).copied().unwrap_or(0.0);
            }
        });
        result
    }

    /// The sum of all patches where they were read.
    fn scatter(&self, patches: &Array2<f32>) -> Maps {
        let mut result = Maps::zeros((patches.nrows() / self.count, self.elements));
        let patches = patches.as_standard_layout();
        let all = patches.as_slice().expect("it has the standard layout");
        let pictures = all.par_chunks_exact(self.places.len());
        rows(&mut result, self.elements).zip(pictures).for_each(|(to, from)| {
            for (x, &place) in from.iter().zip(&self.places) {
                if let Some(to) = to.get_mut(place) {
                    *to += x;
                }
            }
        });
        result
    }
}

/// Patches times channels as channels times patches.
fn transposed(products: &Array2<f32>, patches: usize) -> Maps {
    let (rows_in, channels) = products.dim();
    turned(products, [patches, channels], (rows_in / patches, channels * patches))
}

/// The other way.
fn transposed_back(maps: &Maps, channels: usize) -> Array2<f32> {
    let (pictures, elements) = maps.dim();
    let patches = elements / channels;
    turned(maps, [channels, patches], (pictures * patches, channels))
}

/// Each picture's matrix of so many rows and columns, turned.
fn turned(source: &Array2<f32>, [height, width]: [usize; 2], shape: (usize, usize)) -> Array2<f32> {
    let mut result = Array2::zeros(shape);
    let source = source.as_standard_layout();
    let all = source.as_slice().expect("it has the standard layout");
    let pictures = all.par_chunks_exact(height * width);
    rows(&mut result, height * width).zip(pictures).for_each(|(to, from)| {
        for (row, from) in from.chunks_exact(width).enumerate() {
            for (column, x) in from.iter().enumerate() {
                to[column * height + row] = *x;
            }
        }
    });
    result
}

fn rows(of: &mut Array2<f32>, each: usize) -> rayon::slice::ChunksExactMut<'_, f32> {
    of.as_slice_mut().expect("it was just made").par_chunks_exact_mut(each)
}

fn slices<'a>(
    of: &'a ndarray::CowArray<'_, f32, ndarray::Ix2>,
) -> rayon::slice::ChunksExact<'a, f32> {
    of.as_slice().expect("it has the standard layout").par_chunks_exact(of.ncols())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::testing::check_slopes;
    use blindsight_model::sequential::Layer;

    #[test]
    fn gradients_are_slopes() {
        let conv = |stride, padding| Layer::Conv2d { filters: 3, kernel: 3, stride, padding };
        check_slopes([2, 5, 4], conv(1, Padding::default()), 1e-3);
        check_slopes([1, 5, 6], conv(2, Padding::uneven(1, 0)), 1e-3);
    }

    #[test]
    fn patches_read_zeros_around() {
        let source = Shape::new(1, 2, 2).unwrap();
        let patches = Patches::new(source, 2, 1, Padding::uneven(1, 0));
        let maps = Maps::from_shape_vec((1, 4), vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let rows = patches.gather(&maps);
        let expected = [[0., 0., 0., 1.], [0., 0., 1., 2.], [0., 1., 0., 3.], [1., 2., 3., 4.]];
        assert_eq!(rows, ndarray::arr2(&expected));
        assert_eq!(patches.scatter(&rows), ndarray::arr2(&[[4., 4., 6., 4.]]));
    }
}
