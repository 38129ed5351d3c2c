//! Transposed convolution: a convolution of what it reads with zeros between its elements.

use blindsight_model::graph::{Conv2d, Node, Selection};

use super::convolution::{kernel_dims, layer_axes};
use super::select::sides;
use super::window::Window;
use super::{Call, Converter, Done, Stop, spread};
use crate::attributes::problem;
use crate::error::Reason;

impl<'m> Converter<'m, '_> {
    pub(super) fn transposed_conv(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 3)?;
        let window = Window::take(&mut call.attributes)?;
        let group = call.attributes.int("group", 1)?;
        let more = call.attributes.ints("output_padding")?.unwrap_or_default().to_vec();
        if call.attributes.has("output_shape") {
            return Err(problem("output_shape", "is given; give pads instead".to_owned()).into());
        }
        let pads = window
            .given()
            .ok_or_else(|| problem("auto_pad", "is not supported; give pads instead".to_owned()))?;
        let weights = self.reals(call, 1, "weights")?;
        let dims = kernel_dims(weights.dims())?;
        let directions = weights.dims().len() - 2;
        window.moves_in(directions)?;
        window.agree([dims[2], dims[3]])?;
        let groups = usize::try_from(group).unwrap_or(0);
        let impossible = || {
            let dilation = window.dilation;
            problem("group", format!("is {group}, with dilations {dilation:?}: not possible"))
        };
        let (turned, from) = turned(weights.values(), dims, groups).ok_or_else(impossible)?;
        let to = spread::dims(from, groups, window.dilation).ok_or_else(impossible)?;
        self.spend(to.iter().product())?;
        let kernels = spread::spread(&turned, from, to, window.dilation);
        let bias = match self.value(call, 2) {
            Some(_) => Some(self.reals(call, 2, "bias")?.values().to_vec()),
            None => None,
        };
        let map = self.map(call, 0, "input")?;
        let map = self.layered(call, map)?;
        let (shape, rank) = (self.shape_of(&map), map.axes.rank());
        if rank != directions + 2 {
            let (found, expected) = (weights.dims().to_vec(), format!("{rank} are"));
            return Err(Reason::Dimensions { what: "weights", expected, found }.into());
        }
        let more: Option<Vec<usize>> = more.iter().map(|&n| usize::try_from(n).ok()).collect();
        // Of a single length, rows get none.
        let more = match more.as_deref() {
            Some([]) => [0, 0],
            Some(&[columns]) if directions == 1 => [0, columns],
            Some(&[rows, columns]) if directions == 2 => [rows, columns],
            _ => [usize::MAX; 2],
        };
        let places = |axis: usize| {
            let [before, after] = pads[axis];
            let (stride, reach) = (window.stride[axis], to[2 + axis] - 1);
            let length = sides(shape)[1 + axis];
            // The result, and what its windows reach beyond it.
            let result = (length - 1).checked_mul(stride)?.checked_add(reach + 1)?;
            let result = result.checked_add(more[axis])?.checked_sub(before + after)?;
            if result == 0 || more[axis] >= stride.max(window.dilation[axis]) {
                return None;
            }
            let place = move |at: usize| {
                let at = (at + before).checked_sub(reach)?;
                Some(at / stride).filter(|place| at % stride == 0 && *place < length)
            };
            Some((0..result + reach).map(place).collect::<Vec<_>>())
        };
        let [Some(rows), Some(columns)] = [0, 1].map(places) else {
            return Err(problem("pads", "leave nothing of the result".to_owned()).into());
        };
        let source = self.build(&map)?;
        let selection = Selection::everything(sides(shape)).with_rows(rows).with_columns(columns);
        let source = self.node(call, Node::Select { source, selection })?;
        let conv = Conv2d::new(to, kernels, bias, 1, 0)?.with_groups(groups)?;
        let id = self.node(call, Node::Conv2d { source, conv })?;
        let axes = layer_axes(rank, self.slots.node_shape(id)?);
        self.done(call, id, axes, "convolution with zeros between what it reads")
    }
}

/// Weights `[in, out / groups, row, column]` as those of a convolution, `[out, in / groups, row,
/// column]` with rows and columns in the other direction.
fn turned(weights: &[f32], dims: [usize; 4], groups: usize) -> Option<(Vec<f32>, [usize; 4])> {
    let [inputs, outputs, height, width] = dims;
    if groups == 0 || inputs % groups != 0 || weights.is_empty() {
        return None;
    }
    let together = inputs / groups;
    let to = [outputs.checked_mul(groups)?, together, height, width];
    let mut turned = vec![0.0; weights.len()];
    for (index, &weight) in weights.iter().enumerate() {
        let (x, y) = (index % width, index / width % height);
        let (output, input) =
            (index / (width * height) % outputs, index / (width * height * outputs));
        let (group, input) = (input / together, input % together);
        let row = (group * outputs + output) * together + input;
        turned[(row * height + (height - 1 - y)) * width + width - 1 - x] = weight;
    }
    Some((turned, to))
}
