//! Sparse matrices: what a linear layer does, whatever its kind.

use blindsight_model::graph::{Conv2d, Graph, Node, NodeId, Pool, Selection};
use blindsight_model::tensor::Shape;

/// Most entries of a matrix: half a gigabyte, and compiling takes several of these.
pub(crate) const MOST_ENTRIES: usize = 1 << 26;

/// A matrix that is zero but for the entries of its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sparse {
    /// For each row its columns, ascending, and what stands there.
    pub(crate) rows: Vec<Row>,
}

/// Columns and what stands there.
type Row = Vec<(u32, f32)>;

/// A matrix has more than [`MOST_ENTRIES`] entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyEntries;

impl Sparse {
    pub(crate) fn identity(size: usize) -> Self {
        Self { rows: (0..size as u32).map(|i| vec![(i, 1.0)]).collect() }
    }

    pub(crate) fn is_identity(&self) -> bool {
        let one = |(row, entries): (usize, &Row)| entries[..] == [(row as u32, 1.0)];
        self.rows.iter().enumerate().all(one)
    }

    /// The columns that are not zero, and those before the last of them.
    pub(crate) fn columns(&self) -> usize {
        let columns = self.rows.iter().flatten().map(|(column, _)| *column as usize + 1);
        columns.max().unwrap_or(0)
    }

    /// `self * x` for each row.
    pub(crate) fn apply(&self, x: &[f64]) -> impl Iterator<Item = f64> {
        let entry = |&(at, w): &(u32, f32)| f64::from(w) * x[at as usize];
        self.rows.iter().map(move |row| row.iter().map(entry).sum())
    }

    /// `self * first`: what reads the result of `first`, read from its input.
    pub(crate) fn after(&self, first: &Self, columns: usize) -> Result<Self, TooManyEntries> {
        let mut sum = vec![0.0; columns];
        let mut touched: Vec<u32> = Vec::new();
        let mut left = MOST_ENTRIES;
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            for &(middle, outer) in row {
                for &(at, inner) in &first.rows[middle as usize] {
                    let cell = &mut sum[at as usize];
                    if *cell == 0.0 {
                        touched.push(at);
                    }
                    *cell += f64::from(outer) * f64::from(inner);
                }
            }
            // A cell that returned to zero on the way is named twice.
            touched.sort_unstable();
            touched.dedup();
            left = left.checked_sub(touched.len()).ok_or(TooManyEntries)?;
            let cell = |at| (at, std::mem::take(&mut sum[at as usize]) as f32);
            rows.push(touched.drain(..).map(cell).filter(|(_, w)| *w != 0.0).collect());
        }
        Ok(Self { rows })
    }

    /// The same with so many columns of zeros before it.
    pub(crate) fn moved_right(mut self, columns: usize) -> Self {
        self.rows.iter_mut().flatten().for_each(|(at, _)| *at += columns as u32);
        self
    }

    /// The sum of two matrices of one size.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let add = |(x, y): (&Row, &Row)| {
            let mut all: Row = x.iter().chain(y).copied().collect();
            all.sort_by_key(|(at, _)| *at);
            let mut sum = Row::with_capacity(all.len());
            for (at, w) in all {
                match sum.last_mut() {
                    Some((last, total)) if *last == at => *total += w,
                    _ => sum.push((at, w)),
                }
            }
            sum
        };
        Self { rows: self.rows.iter().zip(&other.rows).map(add).collect() }
    }

    /// How many rows and columns of what is read lie between those of the result: of a convolution
    /// its stride. `None` when it is no whole number.
    pub(crate) fn strides(&self, from: Shape, to: Shape) -> Option<[usize; 2]> {
        // In the middle, where no window is cut off.
        let [y, x] = [(to.height() - 1) / 2, (to.width() - 1) / 2];
        let centre = |y: usize, x: usize| {
            let channels =
                (0..to.channels()).map(|c| &self.rows[c * to.plane() + y * to.width() + x]);
            let row = channels.max_by_key(|row| row.len()).filter(|row| !row.is_empty())?;
            let places = row.iter().map(|(at, _)| *at as usize % from.plane());
            let sum = places.fold([0, 0], |[rows, columns], at| {
                [rows + at / from.width(), columns + at % from.width()]
            });
            Some(sum.map(|sum| sum as f64 / row.len() as f64))
        };
        let first = centre(y, x)?;
        let stride = |y: usize, x: usize, axis: usize| {
            let distance = centre(y, x)?[axis] - first[axis];
            (distance.fract() == 0.0 && distance >= 1.0).then_some(distance as usize)
        };
        let down = if to.height() > 1 { stride(y + 1, x, 0)? } else { 1 };
        let right = if to.width() > 1 { stride(y, x + 1, 1)? } else { 1 };
        Some([down, right])
    }

    /// Multiplies rows and columns by factors.
    pub(crate) fn scaled(
        mut self,
        row: impl Fn(usize) -> f64,
        column: impl Fn(usize) -> f64,
    ) -> Self {
        for (index, entries) in self.rows.iter_mut().enumerate() {
            let factor = row(index);
            let scaled = |at: u32, w: f32| (f64::from(w) * factor * column(at as usize)) as f32;
            entries.iter_mut().for_each(|(at, w)| *w = scaled(*at, *w));
        }
        self
    }
}

/// The matrix and the bias of a node that is linear in its one source. Activations and sums of two
/// results are not.
pub(crate) fn of_node(
    graph: &Graph,
    id: NodeId,
    node: &Node,
) -> Result<(Sparse, Vec<f64>), TooManyEntries> {
    let shape = graph.shape(id);
    let others_than_zero = |weights: &[f32]| weights.iter().filter(|w| **w != 0.0).count();
    let entries = match node {
        Node::Conv2d { conv, .. } => others_than_zero(conv.weights()).saturating_mul(shape.plane()),
        Node::Linear { linear, .. } => others_than_zero(linear.weights()),
        Node::AveragePool { pool, .. } => {
            shape.elements().saturating_mul(pool.kernel().iter().product())
        }
        Node::GlobalAveragePool { source } => graph.shape(*source).elements(),
        _ => shape.elements(),
    };
    if entries > MOST_ENTRIES {
        return Err(TooManyEntries);
    }
    let zero = || vec![0.0; shape.elements()];
    let doubles = |x: &[f32]| -> Vec<f64> { x.iter().copied().map(f64::from).collect() };
    Ok(match node {
        Node::Conv2d { source, conv } => {
            let bias = conv.bias().iter().flat_map(|b| vec![f64::from(*b); shape.plane()]);
            (convolution(conv, graph.shape(*source), shape), bias.collect())
        }
        Node::BatchNorm { norm, .. } => {
            let affine: Vec<(f64, f64)> = norm.affine().collect();
            let channel = |i: usize| affine[i / shape.plane()];
            let identity = Sparse::identity(shape.elements());
            let bias = (0..shape.elements()).map(|i| channel(i).1).collect();
            (identity.scaled(|i| channel(i).0, |_| 1.0), bias)
        }
        Node::SubsamplePad { source, .. } => (subsampling(graph.shape(*source), shape), zero()),
        Node::Select { source, selection } => {
            let from = graph.shape(*source);
            let offset = selection.channels().iter().map(|pick| f64::from(pick.offset));
            let bias = offset.flat_map(|offset| vec![offset; shape.plane()]).collect();
            (selected(selection, from, shape), bias)
        }
        Node::Rearrange { rearrangement, .. } => {
            let rows = rearrangement.places().map(|place| vec![(place as u32, 1.0)]);
            (Sparse { rows: rows.collect() }, zero())
        }
        Node::AveragePool { source, pool } => {
            let count = pool.kernel().iter().product::<usize>() as f64;
            let sums = windows(*pool, graph.shape(*source), shape);
            (sums.scaled(|_| 1.0 / count, |_| 1.0), zero())
        }
        Node::GlobalAveragePool { source } => {
            let plane = graph.shape(*source).plane();
            let mean = |c: usize| {
                (c * plane..(c + 1) * plane).map(|at| (at as u32, 1.0 / plane as f32)).collect()
            };
            (Sparse { rows: (0..shape.channels()).map(mean).collect() }, zero())
        }
        Node::Linear { linear, .. } => {
            let row = |weights: &[f32]| {
                let entries = weights.iter().enumerate().filter(|(_, w)| **w != 0.0);
                entries.map(|(at, w)| (at as u32, *w)).collect()
            };
            let rows = linear.weights().chunks_exact(linear.inputs()).map(row);
            (Sparse { rows: rows.collect() }, doubles(linear.bias()))
        }
        Node::Activation { .. } | Node::Add { .. } => {
            unreachable!("the network is read node by node, and these are read otherwise")
        }
    })
}

fn convolution(conv: &Conv2d, from: Shape, to: Shape) -> Sparse {
    let [top, left, ..] = conv.padding().sides();
    let (height, width) = (conv.kernel_height(), conv.kernel_width());
    let kernel = height * width;
    // Of each channel of the result those that are not zero, counted within its group.
    let (inputs, together) = (conv.dims()[1], conv.out_channels() / conv.groups());
    let taps: Vec<Vec<(usize, f32)>> = conv
        .weights()
        .chunks_exact(inputs * kernel)
        .map(|weights| weights.iter().copied().enumerate().filter(|(_, w)| *w != 0.0).collect())
        .collect();
    let row = |index: usize| {
        let (channel, at) = (index / to.plane(), index % to.plane());
        let (y, x) = (at / to.width() * conv.stride(), at % to.width() * conv.stride());
        let mut entries = Vec::with_capacity(taps[channel].len());
        for &(tap, weight) in &taps[channel] {
            let (input, dy, dx) = (tap / kernel, tap % kernel / width, tap % width);
            let input = channel / together * inputs + input;
            let inside = |at: usize, before: usize, side: usize| {
                at.checked_sub(before).filter(|at| *at < side)
            };
            let (row, column) =
                (inside(y + dy, top, from.height()), inside(x + dx, left, from.width()));
            if let (Some(row), Some(column)) = (row, column) {
                let at = input * from.plane() + row * from.width() + column;
                entries.push((at as u32, weight));
            }
        }
        entries
    };
    Sparse { rows: (0..to.elements()).map(row).collect() }
}

fn subsampling(from: Shape, to: Shape) -> Sparse {
    let before = (to.channels() - from.channels()) / 2;
    let row = |index: usize| {
        let (channel, at) = (index / to.plane(), index % to.plane());
        let kept = channel.checked_sub(before).filter(|channel| *channel < from.channels());
        let (y, x) = (2 * (at / to.width()), 2 * (at % to.width()));
        kept.map(|channel| ((channel * from.plane() + y * from.width() + x) as u32, 1.0))
    };
    Sparse { rows: (0..to.elements()).map(|index| row(index).into_iter().collect()).collect() }
}

fn selected(selection: &Selection, from: Shape, to: Shape) -> Sparse {
    let row = |index: usize| {
        let (channel, at) = (index / to.plane(), index % to.plane());
        let pick = selection.channels()[channel];
        let place = (pick.from).zip(selection.rows()[at / to.width()]);
        let place = place.zip(selection.columns()[at % to.width()]);
        let entry = place.map(|((channel, row), column)| {
            ((channel * from.plane() + row * from.width() + column) as u32, pick.factor)
        });
        entry.into_iter().filter(|(_, factor)| *factor != 0.0).collect()
    };
    Sparse { rows: (0..to.elements()).map(row).collect() }
}

/// The sums of windows.
pub(crate) fn windows(pool: Pool, from: Shape, to: Shape) -> Sparse {
    let ([rows, columns], [down, right]) = (pool.kernel(), pool.stride());
    let row = |index: usize| {
        let (channel, at) = (index / to.plane(), index % to.plane());
        let (y, x) = (at / to.width() * down, at % to.width() * right);
        let window = (y..y + rows).flat_map(|y| (x..x + columns).map(move |x| (y, x)));
        let place = |(y, x)| ((channel * from.plane() + y * from.width() + x) as u32, 1.0);
        window.map(place).collect()
    };
    Sparse { rows: (0..to.elements()).map(row).collect() }
}

#[cfg(test)]
mod tests {
    use blindsight_model::graph::{BatchNorm, GraphBuilder, Linear, Padding, Pick, Rearrangement};
    use blindsight_model::plain::PlainNetwork;
    use blindsight_model::tensor::Tensor;

    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 0.7).sin()).collect()
    }

    /// The matrices of layers compute what the layers compute.
    #[test]
    fn matrices_are_layers() {
        let shape = Shape::new(3, 6, 5).unwrap();
        let padding = Padding { rows: [1, 0], columns: [2, 1] };
        let conv = Conv2d::new([4, 3, 3, 2], numbers(72), Some(numbers(4)), 2, padding).unwrap();
        let grouped = Conv2d::new([6, 1, 3, 3], numbers(54), Some(numbers(6)), 1, 1).unwrap();
        let grouped = grouped.with_groups(3).unwrap();
        let norm = BatchNorm::new(numbers(3), numbers(3), numbers(3), vec![0.5; 3], 1e-5).unwrap();
        let linear = Linear::new([7, 90], numbers(630), numbers(7)).unwrap();
        let pool = Pool::new([3, 2], [2, 1]).unwrap();
        type Make = Box<dyn Fn(NodeId) -> Node>;
        let picks = [(Some(2), 1.0, 0.0), (None, 3.0, 0.5), (Some(0), -2.0, 1.0)];
        let pick = |(from, factor, offset)| Pick { from, factor, offset };
        let selection = Selection::everything([3, 6, 5])
            .with_channels(picks.map(pick).to_vec())
            .unwrap()
            .with_rows(vec![Some(5), None, Some(0), Some(5)])
            .with_columns(vec![None, Some(4)]);
        let shape_after = Shape::new(2, 9, 5).unwrap();
        let turned = Rearrangement::new(vec![3, 6, 5], vec![2, 0, 1], shape_after).unwrap();
        let layers: [Make; 9] = [
            Box::new(move |source| Node::Conv2d { source, conv: conv.clone() }),
            Box::new(move |source| Node::Conv2d { source, conv: grouped.clone() }),
            Box::new(move |source| Node::BatchNorm { source, norm: norm.clone() }),
            Box::new(move |source| Node::Linear { source, linear: linear.clone() }),
            Box::new(move |source| Node::AveragePool { source, pool }),
            Box::new(|source| Node::GlobalAveragePool { source }),
            Box::new(|source| Node::SubsamplePad { source, channels: 7 }),
            Box::new(move |source| Node::Select { source, selection: selection.clone() }),
            Box::new(move |source| Node::Rearrange { source, rearrangement: turned.clone() }),
        ];
        for make in layers {
            let mut builder = GraphBuilder::new(shape);
            let node = make(builder.input());
            let end = builder.add(node.clone()).unwrap();
            let graph = builder.finish(end).unwrap();
            let (matrix, bias) = of_node(&graph, end, &node).unwrap();
            let input = numbers(shape.elements());
            let doubles: Vec<f64> = input.iter().copied().map(f64::from).collect();
            let found = matrix.apply(&doubles).zip(&bias).map(|(x, b)| x + b);
            let plain = PlainNetwork::new(graph).run(&Tensor::new(shape, input).unwrap()).unwrap();
            assert_eq!(matrix.rows.len(), plain.values().len());
            for (x, y) in found.zip(plain.values()) {
                assert!((x - f64::from(*y)).abs() < 1e-4, "{}: {x} {y}", node.name());
            }
        }
    }

    #[test]
    fn products_and_sums_are_those_of_matrices() {
        let matrix =
            |rows: &[&[(u32, f32)]]| Sparse { rows: rows.iter().map(|row| row.to_vec()).collect() };
        let first = matrix(&[&[(0, 1.0), (2, 2.0)], &[(1, -1.0)], &[(0, -0.5), (2, -1.0)]]);
        let second = matrix(&[&[(0, 3.0), (1, 1.0)], &[(0, 1.0), (2, 2.0)]]);
        let both = second.after(&first, 3).unwrap();
        // The second row cancels.
        assert_eq!(both, matrix(&[&[(0, 3.0), (1, -1.0), (2, 6.0)], &[]]));
        let sum = both.plus(&matrix(&[&[(1, 1.0)], &[(2, 4.0)]]));
        assert_eq!(sum, matrix(&[&[(0, 3.0), (1, 0.0), (2, 6.0)], &[(2, 4.0)]]));
        assert!(Sparse::identity(4).is_identity() && !first.is_identity());
    }
}
