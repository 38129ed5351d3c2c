//! Parts of feature maps: slices, concatenations, zeros around them, numbers for channels.

use blindsight_model::graph::{Node, NodeId, Pick, Selection};
use blindsight_model::tensor::Shape;

use super::{Call, Converter, Done, Map, Stop, Value};
use crate::array::axis_of;
use crate::axes::{Axes, Side};
use crate::error::Reason;

impl<'m> Converter<'m, '_> {
    /// Adds a node to the network.
    pub(super) fn node(&mut self, call: &Call<'m>, node: Node) -> Result<NodeId, Stop> {
        Ok(self.slots.add(call.index, node)?)
    }

    /// A node of the network as what this node of the file computes.
    pub(super) fn done(
        &mut self,
        call: &Call<'m>,
        id: NodeId,
        axes: Axes,
        how: &str,
    ) -> Result<Done<'m>, Stop> {
        let slot = self.slots.built(call.index, id)?;
        Ok(Done::new(Value::Map(Map { slot, axes }), how))
    }

    /// Each channel times a number, plus a number.
    pub(super) fn times(
        &mut self,
        call: &Call<'m>,
        source: NodeId,
        numbers: impl Fn(usize) -> (f32, f32),
    ) -> Result<NodeId, Stop> {
        let shape = self.slots.node_shape(source)?;
        let pick = |channel| {
            let (factor, offset) = numbers(channel);
            Pick { from: Some(channel), factor, offset }
        };
        let picks = (0..shape.channels()).map(pick).collect();
        let selection = Selection::everything(sides(shape)).with_channels(picks)?;
        self.node(call, Node::Select { source, selection })
    }

    /// The first less the second.
    pub(super) fn difference(
        &mut self,
        call: &Call<'m>,
        left: NodeId,
        right: NodeId,
    ) -> Result<NodeId, Stop> {
        let right = self.times(call, right, |_| (-1.0, 0.0))?;
        self.node(call, Node::Add { left, right })
    }

    /// These places of one side, none of them zeros.
    pub(super) fn places(
        &mut self,
        call: &Call<'m>,
        source: NodeId,
        side: Side,
        places: Vec<Option<usize>>,
    ) -> Result<NodeId, Stop> {
        let shape = self.slots.node_shape(source)?;
        let everything = Selection::everything(sides(shape));
        let selection = match side {
            Side::Row => everything.with_rows(places),
            Side::Column => everything.with_columns(places),
            Side::Channel => {
                let pick = |from| Pick { from, factor: 1.0, offset: 0.0 };
                everything.with_channels(places.into_iter().map(pick).collect())?
            }
        };
        self.node(call, Node::Select { source, selection })
    }

    /// Concatenation of feature maps.
    pub(super) fn concat(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        let axis = call.attributes.int("axis", 0)?;
        let count = call.node.input.len();
        let mut maps = Vec::with_capacity(count);
        for input in 0..count {
            maps.push(self.map(call, input, "inputs")?);
        }
        let Some(rank) = maps.first().map(|first| first.axes.rank()) else {
            return Err(Reason::Operands("it has no inputs".to_owned()).into());
        };
        let axis = axis_of(axis, rank).ok_or_else(|| misfit("its axis"))?;
        let alike = |converter: &Self, map: &Map| {
            side_of(&map.axes, converter.shape_of(map), axis).filter(|_| map.axes.rank() == rank)
        };
        let side = maps.first().and_then(|first| alike(self, first));
        if side.is_none() || maps.iter().any(|map| alike(self, map) != side) {
            // Flattened feature maps and the like.
            for map in &mut maps {
                *map = self.settled(call.index, map.clone())?;
            }
        }
        let [first, ..] = &maps[..] else { return Err(misfit("what it joins").into()) };
        let before = self.shape_of(first);
        let side = side_of(&first.axes, before, axis).ok_or_else(|| misfit("its axis"))?;
        let axes = first.axes.clone();
        let mut lengths = Vec::with_capacity(count);
        for map in &maps {
            let shape = self.shape_of(map);
            let own = with_side(before, side, side.length(shape))?;
            if own != shape || side_of(&map.axes, shape, axis) != Some(side) {
                return Err(misfit("what it joins").into());
            }
            lengths.push(side.length(shape));
        }
        let all: usize = lengths.iter().sum();
        let after = with_side(before, side, all)?;
        let mut sum = None;
        let mut start = 0;
        for (map, length) in maps.iter().zip(lengths) {
            let source = self.build(map)?;
            let around = [start, all - start - length];
            let part = self.places(call, source, side, surrounded(length, around))?;
            start += length;
            sum = Some(match sum {
                None => part,
                Some(left) => self.node(call, Node::Add { left, right: part })?,
            });
        }
        let id = sum.ok_or_else(|| misfit("what it joins"))?;
        self.done(call, id, resized(&axes, before, after), "joins feature maps")
    }

    /// Elements at places that are known beforehand.
    pub(super) fn gather(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        let axis = call.attributes.int("axis", 0)?;
        let indices = self.integers(call, 1, "indices")?;
        let map = self.map(call, 0, "input")?;
        let axis = axis_of(axis, map.axes.rank()).ok_or_else(|| misfit("its axis"))?;
        let map = match side_of(&map.axes, self.shape_of(&map), axis) {
            Some(_) => map,
            None => self.settled(call.index, map)?,
        };
        let shape = self.shape_of(&map);
        let side = side_of(&map.axes, shape, axis).ok_or_else(|| misfit("its axis"))?;
        let place = |index: &i64| axis_of(*index, side.length(shape)).map(Some);
        let places: Option<Vec<_>> = indices.values().iter().map(place).collect();
        let places = places.filter(|places| !places.is_empty() && indices.dims().len() <= 1);
        let source = self.build(&map)?;
        let id = self.places(call, source, side, places.ok_or_else(|| misfit("its indices"))?)?;
        let mut axes = resized(&map.axes, shape, self.slots.node_shape(id)?);
        if indices.dims().is_empty() {
            axes = axes.squeezed(&[axis]).ok_or_else(|| misfit("its indices"))?;
        }
        self.done(call, id, axes, "part of a feature map")
    }

    /// Cuts a feature map into pieces.
    pub(super) fn split(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 2)?;
        let axis = call.attributes.int("axis", 0)?;
        let pieces = call.attributes.int("num_outputs", 0)?;
        let lengths = self.integers_either(call, "split", 1, "lengths")?;
        let map = self.map(call, 0, "input")?;
        let shape = self.shape_of(&map);
        let axis = axis_of(axis, map.axes.rank()).ok_or_else(|| misfit("its axis"))?;
        let side = side_of(&map.axes, shape, axis).ok_or_else(|| misfit("its axis"))?;
        let length = side.length(shape);
        let outputs = call.node.output.len();
        let lengths: Vec<usize> = match lengths {
            Some(lengths) => lengths.iter().filter_map(|&n| usize::try_from(n).ok()).collect(),
            None => {
                if pieces != 0 && usize::try_from(pieces) != Ok(outputs) {
                    return Err(misfit("its number of outputs").into());
                }
                // All of one length, the last one shorter where it must be.
                let piece = length.div_ceil(outputs.max(1));
                let start = |index: usize| (index * piece).min(length);
                (0..outputs).map(|index| start(index + 1) - start(index)).collect()
            }
        };
        let whole: Option<usize> = lengths.iter().try_fold(0, |sum: usize, n| sum.checked_add(*n));
        if lengths.len() != outputs || whole != Some(length) || lengths.contains(&0) {
            return Err(misfit("its lengths").into());
        }
        let source = self.build(&map)?;
        let mut start = 0;
        let mut values = Vec::with_capacity(outputs);
        for (length, name) in lengths.into_iter().zip(&call.node.output) {
            let end = start + length;
            // What nobody reads is no part of the network.
            if self.readers.contains_key(name.as_str()) {
                let id = self.places(call, source, side, (start..end).map(Some).collect())?;
                let after = self.slots.node_shape(id)?;
                let slot = self.slots.built(call.index, id)?;
                let axes = map.axes.clone().without_ones(after);
                values.push(Value::Map(Map { slot, axes }));
            } else {
                values.push(Value::Refused);
            }
            start = end;
        }
        let mut values = values.into_iter();
        let value = values.next().unwrap_or(Value::Refused);
        Ok(Done { value, others: values.collect(), how: "cuts into pieces".to_owned() })
    }

    /// Two feature maps of one shape: the smaller one is repeated along sides of length 1.
    pub(super) fn broadcast(
        &mut self,
        call: &Call<'m>,
        left: &Map,
        right: &Map,
    ) -> Result<(NodeId, NodeId, Axes), Stop> {
        let (a, b) = (self.shape_of(left), self.shape_of(right));
        if a == b && left.axes == right.axes {
            return Ok((self.build(left)?, self.build(right)?, left.axes.clone()));
        }
        let rank = left.axes.rank();
        if rank != right.axes.rank() {
            self.expect_equal(left, right)?;
        }
        let (left, right) =
            (&self.settled(call.index, left.clone())?, &self.settled(call.index, right.clone())?);
        let (a, b) = (self.shape_of(left), self.shape_of(right));
        let wider = |a: usize, b: usize| match (a, b) {
            (a, b) if a == b => Some(a),
            (1, b) => Some(b),
            (a, 1) => Some(a),
            _ => None,
        };
        let sides = [Side::Channel, Side::Row, Side::Column];
        let lengths = sides.map(|side| wider(side.length(a), side.length(b)));
        let [Some(channels), Some(rows), Some(columns)] = lengths else {
            self.expect_equal(left, right)?;
            return Err(misfit("what it reads").into());
        };
        let whole = Shape::new(channels, rows, columns)?;
        let left = self.repeated(call, left, whole)?;
        let right = self.repeated(call, right, whole)?;
        let axes = Axes::of_layers(rank, whole).ok_or_else(|| misfit("what it reads"))?;
        Ok((left, right, axes))
    }

    fn repeated(&mut self, call: &Call<'m>, map: &Map, to: Shape) -> Result<NodeId, Stop> {
        let (mut id, shape) = (self.build(map)?, self.shape_of(map));
        for side in [Side::Channel, Side::Row, Side::Column] {
            if side.length(shape) != side.length(to) {
                id = self.places(call, id, side, vec![Some(0); side.length(to)])?;
            }
        }
        Ok(id)
    }
}

/// Channels, rows and columns.
pub(super) fn sides(shape: Shape) -> [usize; 3] {
    [shape.channels(), shape.height(), shape.width()]
}

/// So many elements, with zeros before and after.
pub(super) fn surrounded(length: usize, [before, after]: [usize; 2]) -> Vec<Option<usize>> {
    let place = |at: usize| at.checked_sub(before).filter(|at| *at < length);
    (0..before + length + after).map(place).collect()
}

/// The side that an axis stands for, though it may be of length 1.
pub(super) fn side_of(axes: &Axes, shape: Shape, axis: usize) -> Option<Side> {
    let orders = [
        (
            Axes::channels_first(shape),
            [None, Some(Side::Channel), Some(Side::Row), Some(Side::Column)],
        ),
        (
            Axes::channels_last(shape),
            [None, Some(Side::Row), Some(Side::Column), Some(Side::Channel)],
        ),
        (Axes::sequence(shape), [None, Some(Side::Channel), Some(Side::Column), None]),
        (Axes::plane(shape), [None, Some(Side::Row), Some(Side::Column), None]),
        (Axes::vector(2, shape), [None, Some(Side::Channel), None, None]),
    ];
    match axes.sides(axis) {
        [side] => Some(*side),
        [] => {
            let order = orders.iter().find(|(known, _)| known == axes)?;
            order.1.get(axis).copied().flatten()
        }
        _ => None,
    }
}

/// The axes after a side has become longer or shorter.
pub(super) fn resized(axes: &Axes, before: Shape, after: Shape) -> Axes {
    if *axes == Axes::channels_first(before) {
        Axes::channels_first(after)
    } else if *axes == Axes::channels_last(before) {
        Axes::channels_last(after)
    } else if *axes == Axes::sequence(before) {
        Axes::sequence(after)
    } else if *axes == Axes::plane(before) {
        Axes::plane(after)
    } else if *axes == Axes::vector(axes.rank(), before) {
        Axes::vector(axes.rank(), after)
    } else {
        axes.clone().without_ones(after)
    }
}

fn with_side(shape: Shape, side: Side, length: usize) -> Result<Shape, Stop> {
    let [channels, rows, columns] = sides(shape);
    Ok(match side {
        Side::Channel => Shape::new(length, rows, columns)?,
        Side::Row => Shape::new(channels, length, columns)?,
        Side::Column => Shape::new(channels, rows, length)?,
    })
}

fn misfit(what: &str) -> Reason {
    Reason::Layout(format!("{what} does not fit the dimensions that it reads"))
}
