//! Convolution and batch normalisation.

use blindsight_model::graph::{BatchNorm, Conv2d, Node, NodeId, Padding};
use blindsight_model::tensor::Shape;

use super::slots::State;
use super::window::Window;
use super::{Call, Converter, Done, Map, Stop, Value, spread};
use crate::attributes::problem;
use crate::axes::{Axes, Side};
use crate::error::Reason;

impl<'m> Converter<'m, '_> {
    pub(super) fn conv(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 3)?;
        let window = Window::take(&mut call.attributes)?;
        let group = call.attributes.int("group", 1)?;
        let [down, right] = window.stride;
        // Strides that differ leave out rows and columns of all.
        let stride = if down == right { down } else { 1 };
        let weights = self.reals(call, 1, "weights")?;
        let dims = kernel_dims(weights.dims())?;
        window.moves_in(weights.dims().len() - 2)?;
        window.agree([dims[2], dims[3]])?;
        let (from, dilation) = (dims, window.dilation);
        // What is no number of groups is none.
        let groups = usize::try_from(group).unwrap_or(0);
        let dims = spread::dims(from, groups, dilation).ok_or_else(|| {
            let text =
                format!("is {group}, with dilations {dilation:?}: no kernel that is possible");
            problem("group", text)
        })?;
        let kernels = if dims == from {
            weights.values().to_vec()
        } else {
            self.spend(dims.iter().product())?;
            spread::spread(weights.values(), from, dims, dilation)
        };
        let kernel = [dims[2], dims[3]];
        let bias = match self.value(call, 2) {
            Some(_) => Some(self.reals(call, 2, "bias")?.values().to_vec()),
            None => None,
        };
        let map = self.map(call, 0, "input")?;
        let map = self.layered(call, map)?;
        let rank = map.axes.rank();
        if rank != weights.dims().len() {
            let (found, expected) = (weights.dims().to_vec(), format!("{rank} are"));
            return Err(Reason::Dimensions { what: "weights", expected, found }.into());
        }
        let padding = window.padding(self.shape_of(&map), kernel);
        let (source, before, padding) = self.with_zeros_before(&map, padding)?;
        let padding = window.reduced(before, kernel, padding);
        let conv = Conv2d::new(dims, kernels, bias, stride, padding)?.with_groups(groups)?;
        let slot = match window.result(before, kernel, padding) {
            Some([height, width]) if down != right => {
                let source = self.node(call, Node::Conv2d { source, conv })?;
                let every =
                    |count: usize, step: usize| (0..count).map(|at| Some(at * step)).collect();
                let rows = self.places(call, source, Side::Row, every(height, down))?;
                let id = self.places(call, rows, Side::Column, every(width, right))?;
                self.slots.built(call.index, id)?
            }
            Some([height, width]) => {
                let after = Shape::new(dims[0], height, width)?;
                self.slots.wait(call.index, after, State::Conv { source, conv })
            }
            // Refused, with the reason that the network has for it.
            None => self.slots.emit(call.index, Node::Conv2d { source, conv })?,
        };
        let axes = layer_axes(rank, self.slots.shape(slot));
        Ok(Done::new(Value::Map(Map { slot, axes }), "convolution"))
    }

    pub(super) fn batch_norm(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(5, 5)?;
        let epsilon = call.attributes.float("epsilon", 1e-5)?;
        call.attributes.ignore("momentum");
        let training = call.attributes.flag("training_mode", false)?;
        // Before version 14, more outputs meant training.
        if training || call.node.output.iter().skip(1).any(|name| !name.is_empty()) {
            let text = "it is in training mode; export the model for inference";
            return Err(Reason::Computation(text.to_owned()).into());
        }
        let mut parameters = Vec::new();
        for (input, what) in [(1, "gains"), (2, "shifts"), (3, "means"), (4, "variances")] {
            let array = self.reals(call, input, what)?;
            if array.dims().len() != 1 {
                let (found, expected) = (array.dims().to_vec(), "one is".to_owned());
                return Err(Reason::Dimensions { what, expected, found }.into());
            }
            parameters.push(array.values().to_vec());
        }
        let Ok([gain, shift, mean, variance]) = <[Vec<f32>; 4]>::try_from(parameters) else {
            return Err(Reason::Operands("its parameters are missing".to_owned()).into());
        };
        let norm = BatchNorm::new(gain, shift, mean, variance, f64::from(epsilon))?;
        let map = self.map(call, 0, "input")?;
        let channels = self.shape_of(&map).channels();
        let by_channel = map.axes.sides(1) == [Side::Channel] || channels == 1;
        if !by_channel {
            let text = "it should normalise the channels, but they are not its second dimension";
            return Err(Reason::Layout(text.to_owned()).into());
        }
        let conv = matches!(self.slots.state(map.slot), State::Conv { .. });
        let how = if conv && !self.slots.is_shared(map.slot) {
            "folded into the convolution before it"
        } else {
            "batch normalisation on its own"
        };
        let source = self.build(&map)?;
        let slot = self.slots.emit(call.index, Node::BatchNorm { source, norm })?;
        Ok(Done::new(Value::Map(Map { slot, axes: map.axes }), how))
    }

    /// What a convolution reads, its shape and the padding, with the zeros that a Pad before it adds.
    fn with_zeros_before(
        &mut self,
        map: &Map,
        padding: Padding,
    ) -> Result<(NodeId, Shape, Padding), Stop> {
        match *self.slots.state(map.slot) {
            State::Padded { slot, source, padding: earlier } => {
                let sum = |[a, b]: [usize; 2], [c, d]: [usize; 2]| [a + c, b + d];
                let rows = sum(earlier.rows, padding.rows);
                let columns = sum(earlier.columns, padding.columns);
                Ok((source, self.slots.shape(slot), Padding { rows, columns }))
            }
            _ => Ok((self.build(map)?, self.shape_of(map), padding)),
        }
    }
}

/// The dimensions of a kernel `[out, in, height, width]`; one of a single length has one row.
pub(super) fn kernel_dims(dims: &[usize]) -> Result<[usize; 4], Reason> {
    match *dims {
        [outputs, inputs, height, width] => Ok([outputs, inputs, height, width]),
        [outputs, inputs, length] => Ok([outputs, inputs, 1, length]),
        _ => {
            let (found, expected) = (dims.to_vec(), "three or four are".to_owned());
            Err(Reason::Dimensions { what: "weights", expected, found })
        }
    }
}

/// The axes of a layer's result, of which it reads as many.
pub(super) fn layer_axes(rank: usize, shape: Shape) -> Axes {
    Axes::of_layers(rank, shape).unwrap_or_else(|| Axes::channels_first(shape))
}
