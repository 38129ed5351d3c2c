//! Tensors whose axes are not those that a layer reads: the elements are put in the order in which
//! the tensor has them.

use blindsight_model::graph::Node;
use blindsight_model::tensor::Shape;

use super::{Call, Converter, Done, Map, Stop, Value};
use crate::attributes::problem;
use crate::axes::Axes;
use crate::error::Reason;
use crate::view::View;

impl<'m> Converter<'m, '_> {
    /// What a convolution or a pool reads: batch, channels, height and width, or batch, channels and
    /// length.
    pub(super) fn layered(&mut self, call: &Call<'m>, map: Map) -> Result<Map, Stop> {
        if !(3..=4).contains(&map.axes.rank()) {
            let text = "it reads something whose dimensions are not batch, channels, height and \
                        width";
            return Err(Reason::Layout(text.to_owned()).into());
        }
        self.settled(call.index, map)
    }

    /// A tensor with one axis for each side, in their order: a vector, a sequence or a picture.
    pub(super) fn settled(&mut self, origin: usize, map: Map) -> Result<Map, Stop> {
        let shape = self.shape_of(&map);
        if Axes::of_layers(map.axes.rank(), shape).as_ref() == Some(&map.axes) {
            return Ok(map);
        }
        self.rearranged(origin, map.slot, &View::of(&map.axes, shape))
    }

    /// The feature map that a view shows.
    pub(super) fn rearranged(
        &mut self,
        origin: usize,
        slot: usize,
        view: &View,
    ) -> Result<Map, Stop> {
        let dims = view.dims();
        let refused = || {
            let text = format!(
                "it reads something of dimensions {dims:?}: no batch of one vector, \
                                sequence or picture"
            );
            Stop::from(Reason::Layout(text))
        };
        let shape = match dims[..] {
            [1, length] => Shape::vector(length)?,
            [1, channels, length] => Shape::new(channels, 1, length)?,
            [1, channels, height, width] => Shape::new(channels, height, width)?,
            _ => return Err(refused()),
        };
        let rearrangement = view.rearrangement(shape).ok_or_else(refused)?;
        let source = self.build_slot(slot)?;
        let id = self.slots.add(origin, Node::Rearrange { source, rearrangement })?;
        let slot = self.slots.built(origin, id)?;
        let axes = Axes::of_layers(dims.len(), shape).ok_or_else(refused)?;
        Ok(Map { slot, axes })
    }

    /// The feature map that an input shows, which whatever else reads it finds ready.
    pub(super) fn shown(&mut self, call: &Call<'m>, input: usize) -> Result<(), Stop> {
        let Some(Value::View { slot, view }) = self.value(call, input).cloned() else {
            return Ok(());
        };
        let map = self.rearranged(call.index, slot, &view)?;
        if let Some(name) = call.node.input.get(input) {
            self.values.insert(name.as_str(), Value::Map(map));
        }
        Ok(())
    }

    /// Pixels that become channels, or channels that become pixels.
    pub(super) fn blocks(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let side = call.attributes.int("blocksize", 0)?;
        let mode = call.attributes.text("mode", "DCR")?;
        let out_of_range = || problem("blocksize", format!("is {side}, which does not fit"));
        let side = usize::try_from(side).ok().filter(|side| *side > 0).ok_or_else(out_of_range)?;
        let map = self.map(call, 0, "input")?;
        let map = self.layered(call, map)?;
        let shape = self.shape_of(&map);
        let [channels, height, width] = [shape.channels(), shape.height(), shape.width()];
        let few = |length: usize| length.checked_div(side).filter(|few| few * side == length);
        let (cut, order, dims) = if call.node.op_type == "SpaceToDepth" {
            let (down, right) = few(height).zip(few(width)).ok_or_else(out_of_range)?;
            let cut = [1, channels, down, side, right, side];
            (cut, [0, 3, 5, 1, 2, 4], [1, channels * side * side, down, right])
        } else {
            let fewer = few(channels).and_then(few).ok_or_else(out_of_range)?;
            let (cut, order) = match mode {
                "DCR" => ([1, side, side, fewer, height, width], [0, 3, 4, 1, 5, 2]),
                "CRD" => ([1, fewer, side, side, height, width], [0, 1, 4, 2, 5, 3]),
                _ => return Err(problem("mode", "is not known".to_owned()).into()),
            };
            (cut, order, [1, fewer, height * side, width * side])
        };
        let view = View::of(&map.axes, shape);
        let turned = view.regrouped(&cut).and_then(|view| view.transposed(&order));
        let view = turned.and_then(|view| view.regrouped(&dims)).ok_or_else(out_of_range)?;
        let map = self.rearranged(call.index, map.slot, &view)?;
        Ok(Done::new(Value::Map(map), "puts its elements in another order"))
    }
}
