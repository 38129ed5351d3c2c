//! Fully connected layers, and constants added after a layer.

use blindsight_model::graph::{Conv2d, Linear};
use blindsight_model::tensor::Shape;

use super::slots::State;
use super::{Call, Converter, Done, Map, Stop, Value};
use crate::array::Array;
use crate::attributes::problem;
use crate::axes::{Axes, Side};
use crate::error::Reason;

impl<'m> Converter<'m, '_> {
    pub(super) fn gemm(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 3)?;
        let alpha = call.attributes.float("alpha", 1.0)?;
        let beta = call.attributes.float("beta", 1.0)?;
        if call.attributes.flag("transA", false)? {
            return Err(problem("transA", "is set".to_owned()).into());
        }
        let rows_are_outputs = call.attributes.flag("transB", false)?;
        let weights = self.matrix(call, rows_are_outputs)?;
        let scaled = |value: f32, factor: f32| (f64::from(value) * f64::from(factor)) as f32;
        let outputs = weights.dims().first().copied().unwrap_or(0);
        let bias = match self.value(call, 2) {
            None => vec![0.0; outputs],
            Some(_) => {
                let bias = self.reals(call, 2, "bias")?;
                let values = match (bias.dims(), bias.scalar()) {
                    (_, Some(value)) if bias.dims().len() <= 2 => vec![value; outputs],
                    ([found] | [1, found], _) if *found == outputs => bias.values().to_vec(),
                    (found, _) => {
                        let expected = format!("one number for each of {outputs} outputs is");
                        let found = found.to_vec();
                        return Err(Reason::Dimensions { what: "bias", expected, found }.into());
                    }
                };
                values.into_iter().map(|value| scaled(value, beta)).collect()
            }
        };
        let map = self.map(call, 0, "input")?;
        if map.axes.rank() != 2 {
            let text = format!("it reads {} dimensions; it should read two", map.axes.rank());
            return Err(Reason::Layout(text).into());
        }
        let weights = weights.map(|value| scaled(value, alpha));
        self.fully_connected(call, map, &weights, bias)
    }

    pub(super) fn mat_mul(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        let weights = self.matrix(call, false)?;
        let outputs = weights.dims().first().copied().unwrap_or(0);
        let map = self.map(call, 0, "input")?;
        self.fully_connected(call, map, &weights, vec![0.0; outputs])
    }

    /// The second input, turned so that each row belongs to one output.
    fn matrix(&mut self, call: &Call<'m>, rows_are_outputs: bool) -> Result<Array<f32>, Stop> {
        let weights = self.reals(call, 1, "weights")?;
        if weights.dims().len() != 2 {
            let (found, expected) = (weights.dims().to_vec(), "two are".to_owned());
            return Err(Reason::Dimensions { what: "weights", expected, found }.into());
        }
        if rows_are_outputs {
            return Ok(Array::clone(&weights));
        }
        Ok(weights.transposed(&[1, 0]).ok_or_else(unmatched)?)
    }

    fn fully_connected(
        &mut self,
        call: &Call<'m>,
        map: Map,
        weights: &Array<f32>,
        bias: Vec<f32>,
    ) -> Result<Done<'m>, Stop> {
        let shape = self.shape_of(&map);
        let rank = map.axes.rank();
        let last = rank.saturating_sub(1);
        if rank == 0 || (0..last).any(|axis| !map.axes.sides(axis).is_empty()) {
            return self.on_each(call, map, weights, bias);
        }
        let &[outputs, inputs] = weights.dims() else { return Err(unmatched().into()) };
        if inputs != shape.elements() {
            let text =
                format!("its weights are for {inputs} values, but it reads {}", shape.elements());
            return Err(Reason::Layout(text).into());
        }
        let values = if map.axes.in_order() {
            weights.values().to_vec()
        } else {
            // The file flattens in another order than we do: so are the columns put in ours.
            let ordered = weights.picked(1, &map.axes.places(shape)).ok_or_else(unmatched)?;
            ordered.into_values()
        };
        let linear = Linear::new([outputs, inputs], values, bias)?;
        let source = self.build(&map)?;
        let after = Shape::vector(outputs)?;
        let slot = self.slots.wait(call.index, after, State::Linear { source, linear });
        let axes = Axes::vector(rank, after);
        Ok(Done::new(Value::Map(Map { slot, axes }), "fully connected layer"))
    }

    /// A layer on every place of what has its channels last: a convolution of one pixel.
    fn on_each(
        &mut self,
        call: &Call<'m>,
        map: Map,
        weights: &Array<f32>,
        bias: Vec<f32>,
    ) -> Result<Done<'m>, Stop> {
        let rank = map.axes.rank();
        // From these axes to those of layers, and back.
        let orders: Option<[&[usize]; 2]> = match rank {
            3 => Some([&[0, 2, 1], &[0, 2, 1]]),
            4 => Some([&[0, 3, 1, 2], &[0, 2, 3, 1]]),
            _ => None,
        };
        let refused = || {
            let text = "it should read a vector, a sequence or a picture";
            Stop::from(Reason::Layout(text.to_owned()))
        };
        let [inwards, outwards] = orders.ok_or_else(refused)?;
        let axes = map.axes.transposed(inwards).ok_or_else(refused)?;
        let map = self.settled(call.index, Map { slot: map.slot, axes })?;
        let &[outputs, inputs] = weights.dims() else { return Err(unmatched().into()) };
        let shape = self.shape_of(&map);
        if shape.channels() != inputs {
            let found = shape.channels();
            let text = format!("its weights are for {inputs} values, but it reads {found}");
            return Err(Reason::Layout(text).into());
        }
        let dims = [outputs, inputs, 1, 1];
        let conv = Conv2d::new(dims, weights.values().to_vec(), Some(bias), 1, 0)?;
        let source = self.build(&map)?;
        let after = Shape::new(outputs, shape.height(), shape.width())?;
        let slot = self.slots.wait(call.index, after, State::Conv { source, conv });
        let axes = Axes::of_layers(rank, after).and_then(|axes| axes.transposed(outwards));
        let map = Map { slot, axes: axes.ok_or_else(refused)? };
        Ok(Done::new(Value::Map(map), "fully connected layer on every place"))
    }

    /// Adds one number per channel, to the bias of the layer before if that is read here alone.
    pub(super) fn add_numbers(
        &mut self,
        call: &Call<'m>,
        map: Map,
        added: &Array<f32>,
    ) -> Result<Done<'m>, Stop> {
        let shape = self.shape_of(&map);
        let added = per_channel(&map, shape, added)?;
        let layer = matches!(
            self.slots.state(map.slot),
            State::Conv { .. } | State::Linear { .. } | State::Refused
        );
        if !layer || self.slots.is_shared(map.slot) {
            let source = self.build(&map)?;
            let id = self.times(call, source, |channel| (1.0, added[channel]))?;
            return self.done(call, id, map.axes, "a number for each channel");
        }
        let sum = |bias: &[f32]| -> Vec<f32> {
            let pairs = bias.iter().zip(&added);
            pairs.map(|(&x, &y)| (f64::from(x) + f64::from(y)) as f32).collect()
        };
        let state = match self.slots.take(map.slot) {
            State::Conv { source, conv } => {
                let (weights, bias) = (conv.weights().to_vec(), sum(conv.bias()));
                let (stride, padding) = (conv.stride(), conv.padding());
                let groups = conv.groups();
                let conv = Conv2d::new(conv.dims(), weights, Some(bias), stride, padding)?;
                let conv = conv.with_groups(groups)?;
                State::Conv { source, conv }
            }
            State::Linear { source, linear } => {
                let dims = [linear.outputs(), linear.inputs()];
                let bias = sum(linear.bias());
                let linear = Linear::new(dims, linear.weights().to_vec(), bias)?;
                State::Linear { source, linear }
            }
            _ => return Err(Stop::Poisoned),
        };
        // Blame for the layer stays with the layer.
        let origin = self.slots.origin(map.slot).unwrap_or(call.index);
        let slot = self.slots.wait(origin, shape, state);
        Ok(Done::new(Value::Map(Map { slot, axes: map.axes }), "bias of the layer before it"))
    }
}

/// One number for every channel from a constant that ONNX spreads over the feature map.
pub(super) fn per_channel(map: &Map, shape: Shape, added: &Array<f32>) -> Result<Vec<f32>, Reason> {
    let refused = || {
        let expected = "one number, or one for each channel, is".to_owned();
        Reason::Dimensions { what: "added constants", expected, found: added.dims().to_vec() }
    };
    let dims = map.axes.dims(shape);
    // Dimensions are matched from the last; the result must not have more than the feature map.
    let missing = dims.len().checked_sub(added.dims().len()).ok_or_else(refused)?;
    for (axis, (&length, &whole)) in
        (missing..).zip(added.dims().iter().zip(dims.iter().skip(missing)))
    {
        let fits = length == 1 || (length == whole && map.axes.sides(axis) == [Side::Channel]);
        if !fits {
            return Err(refused());
        }
    }
    match added.scalar() {
        Some(value) => Ok(vec![value; shape.channels()]),
        None => Ok(added.values().to_vec()),
    }
}

fn unmatched() -> Reason {
    Reason::Layout("its weights do not fit together".to_owned())
}
