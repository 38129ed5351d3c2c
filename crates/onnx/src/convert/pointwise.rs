//! Operators that treat every element alike: activations, sums, and the pieces that exporters
//! write SiLU and GELU in.
//!
//! SiLU arrives as x * sigmoid(x). GELU arrives as x * (1 + erf(x / sqrt 2)) / 2 with the factors
//! in any order: multiples of x and of erf are collected until a product with x closes the form.

use blindsight_model::graph::{ActivationKind, Node, NodeId};

use super::linear::per_channel;
use super::slots::{ErfTerm, State, is_one};
use super::{Call, Converter, Done, Map, Stop, Value};
use crate::attributes::problem;
use crate::axes::Axes;
use crate::error::Reason;

const PART_OF_GELU: &str = "part of the activation gelu";

impl<'m> Converter<'m, '_> {
    pub(super) fn activation(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let kind = match call.node.op_type.as_str() {
            "Relu" => ActivationKind::Relu,
            "Tanh" => ActivationKind::Tanh,
            "HardSwish" => ActivationKind::HardSwish,
            "Softplus" => ActivationKind::Softplus,
            _ => match call.attributes.text("approximate", "none")? {
                // Approximated by tanh it differs by 5e-4 at most.
                "none" | "tanh" => ActivationKind::Gelu,
                _ => return Err(problem("approximate", "is not known".to_owned()).into()),
            },
        };
        let map = self.map(call, 0, "input")?;
        self.activate(call, &map, kind)
    }

    pub(super) fn sigmoid(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let map = self.map(call, 0, "input")?;
        let source = self.build(&map)?;
        let state = State::Sigmoid { slot: map.slot, source };
        let how = format!("activation {}", ActivationKind::Sigmoid);
        Ok(self.waiting(call, &map, state, &how))
    }

    pub(super) fn erf(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let map = self.map(call, 0, "input")?;
        let (slot, inner) = match *self.slots.state(map.slot) {
            State::Scaled { slot, factor } => (slot, factor),
            _ => (map.slot, 1.0),
        };
        let term = ErfTerm { inner, outer: 1.0, offset: 0.0 };
        Ok(self.waiting(call, &map, State::Erf { slot, term }, PART_OF_GELU))
    }

    pub(super) fn add(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        let Some((map, constant)) = self.beside_constant(call) else {
            return self.sum(call);
        };
        let added = self.reals(call, constant, "added constants")?;
        let map = self.map(call, map, "input")?;
        if let State::Erf { slot, term } = *self.slots.state(map.slot) {
            let value = added.scalar().filter(|_| added.dims().len() <= map.axes.rank());
            let value = value.ok_or_else(not_gelu)?;
            let term = ErfTerm { offset: term.offset + f64::from(value), ..term };
            return Ok(self.waiting(call, &map, State::Erf { slot, term }, PART_OF_GELU));
        }
        let layer = matches!(
            self.slots.state(map.slot),
            State::Conv { .. } | State::Linear { .. } | State::Refused
        );
        match added.scalar().filter(|_| added.dims().len() <= map.axes.rank()) {
            // It may be the beginning of a hard swish.
            Some(by) if by == 3.0 && (!layer || self.slots.is_shared(map.slot)) => {
                let source = self.build(&map)?;
                let state = State::Shifted { slot: map.slot, source, by };
                Ok(self.waiting(call, &map, state, "a number for each channel"))
            }
            _ => self.add_numbers(call, map, &added),
        }
    }

    pub(super) fn mul(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        match self.beside_constant(call) {
            Some((map, constant)) => self.scale(call, map, constant, |factor| factor),
            None => self.product(call),
        }
    }

    pub(super) fn div(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        match self.beside_constant(call) {
            Some((0, 1)) => self.scale(call, 0, 1, f64::recip),
            _ => {
                let text = "only dividing by a constant is supported";
                Err(Reason::Computation(text.to_owned()).into())
            }
        }
    }

    /// Which of the two inputs is a feature map and which a constant, if they are one of each.
    fn beside_constant(&self, call: &Call<'m>) -> Option<(usize, usize)> {
        let constant = |input| matches!(self.value(call, input), Some(Value::Constant(_)));
        match (constant(0), constant(1)) {
            (false, true) => Some((0, 1)),
            (true, false) => Some((1, 0)),
            _ => None,
        }
    }

    /// The end of a residual block.
    fn sum(&mut self, call: &Call<'m>) -> Result<Done<'m>, Stop> {
        let (left, right) = (self.map(call, 0, "first term")?, self.map(call, 1, "second term")?);
        let (left, right, axes) = self.broadcast(call, &left, &right)?;
        let mut id = self.node(call, Node::Add { left, right })?;
        let readers = call.node.output.first().and_then(|name| self.readers.get(name.as_str()));
        if readers.is_some_and(|readers| *readers > 1) && self.slots.is_long_sum(id) {
            let kind = ActivationKind::Identity;
            id = self.node(call, Node::Activation { source: id, kind })?;
            return self.done(call, id, axes, "sum, refreshed: it is one of many terms");
        }
        self.done(call, id, axes, "sum")
    }

    /// The sum of any number of feature maps.
    pub(super) fn sum_of_all(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        let first = self.map(call, 0, "first term")?;
        let (mut id, axes) = (self.build(&first)?, first.axes.clone());
        for input in 1..call.node.input.len() {
            let term = self.map(call, input, "terms")?;
            self.expect_equal(&first, &term)?;
            let right = self.build(&term)?;
            id = self.node(call, Node::Add { left: id, right })?;
        }
        self.done(call, id, axes, "sum")
    }

    pub(super) fn sub(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        let Some((map, constant)) = self.beside_constant(call) else {
            let (left, right) = (self.map(call, 0, "input")?, self.map(call, 1, "input")?);
            let (left, right, axes) = self.broadcast(call, &left, &right)?;
            let id = self.difference(call, left, right)?;
            return self.done(call, id, axes, "difference");
        };
        let numbers = self.reals(call, constant, "constants")?;
        let first = map == 0;
        let map = self.map(call, map, "input")?;
        if first {
            return self.add_numbers(call, map, &numbers.map(|x| -x));
        }
        let numbers = per_channel(&map, self.shape_of(&map), &numbers)?;
        let source = self.build(&map)?;
        let id = self.times(call, source, |channel| (-1.0, numbers[channel]))?;
        self.done(call, id, map.axes, "difference")
    }

    pub(super) fn negative(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 1)?;
        let map = self.map(call, 0, "input")?;
        let source = self.build(&map)?;
        let id = self.times(call, source, |_| (-1.0, 0.0))?;
        self.done(call, id, map.axes, "the same with the other sign")
    }

    fn scale(
        &mut self,
        call: &Call<'m>,
        map: usize,
        constant: usize,
        factor: impl Fn(f64) -> f64,
    ) -> Result<Done<'m>, Stop> {
        let array = self.reals(call, constant, "factor")?;
        let map = self.map(call, map, "input")?;
        let Some(value) = array.scalar().filter(|_| array.dims().len() <= map.axes.rank()) else {
            let factors = per_channel(&map, self.shape_of(&map), &array)?;
            let by = |channel: usize| (factor(f64::from(factors[channel])) as f32, 0.0);
            let source = self.build(&map)?;
            let id = self.times(call, source, by)?;
            return self.done(call, id, map.axes, "a factor for each channel");
        };
        let by = factor(f64::from(value));
        if !by.is_finite() {
            return Err(Reason::Computation("its factor is not finite".to_owned()).into());
        }
        let scaled =
            |term: ErfTerm| ErfTerm { outer: term.outer * by, offset: term.offset * by, ..term };
        let state = match *self.slots.state(map.slot) {
            State::Scaled { slot, factor } => State::Scaled { slot, factor: factor * by },
            State::Erf { slot, term } => State::Erf { slot, term: scaled(term) },
            State::HardGate { slot, source, factor } => {
                State::HardGate { slot, source, factor: factor * by }
            }
            State::Gated { slot, source, term } => {
                State::Gated { slot, source, term: scaled(term) }
            }
            _ => {
                self.build(&map)?;
                State::Scaled { slot: map.slot, factor: by }
            }
        };
        Ok(self.waiting(call, &map, state, "a factor, alone or as part of the activation gelu"))
    }

    fn product(&mut self, call: &Call<'m>) -> Result<Done<'m>, Stop> {
        let (left, right) =
            (self.map(call, 0, "first factor")?, self.map(call, 1, "second factor")?);
        if left.slot == right.slot && left.axes == right.axes {
            return self.activate(call, &left, ActivationKind::Square);
        }
        for (plain, gate) in [(&left, &right), (&right, &left)] {
            match *self.slots.state(gate.slot) {
                State::Sigmoid { slot, .. } if slot == plain.slot => {
                    self.renote(gate.slot, "part of the activation silu");
                    return self.activate(call, plain, ActivationKind::Silu);
                }
                State::HardGate { slot, factor, .. } if slot == plain.slot => {
                    self.renote(gate.slot, "part of the activation hardswish");
                    let source = self.build(plain)?;
                    let kind = ActivationKind::HardSwish;
                    let mut id = self.node(call, Node::Activation { source, kind })?;
                    let factor = 6.0 * factor;
                    if !is_one(factor) {
                        id = self.times(call, id, |_| (factor as f32, 0.0))?;
                    }
                    let how = format!("activation {kind}");
                    return self.done(call, id, plain.axes.clone(), &how);
                }
                State::Erf { slot, term } => {
                    let (base, by) = match *self.slots.state(plain.slot) {
                        State::Scaled { slot, factor } => (slot, factor),
                        _ => (plain.slot, 1.0),
                    };
                    if base == slot {
                        let (outer, offset) = (term.outer * by, term.offset * by);
                        let term = ErfTerm { outer, offset, ..term };
                        let source = self.build(&Map { slot, axes: plain.axes.clone() })?;
                        let state = State::Gated { slot, source, term };
                        let how = format!("activation {}", ActivationKind::Gelu);
                        return Ok(self.waiting(call, &left, state, &how));
                    }
                }
                _ => {}
            }
        }
        let (left, right, axes) = self.broadcast(call, &left, &right)?;
        self.product_by_squares(call, [left, right], axes)
    }

    /// A product is a fourth of the square of the sum less that of the difference.
    fn product_by_squares(
        &mut self,
        call: &Call<'m>,
        [left, right]: [NodeId; 2],
        axes: Axes,
    ) -> Result<Done<'m>, Stop> {
        let square = |source| Node::Activation { source, kind: ActivationKind::Square };
        let sum = self.node(call, Node::Add { left, right })?;
        let sum = self.node(call, square(sum))?;
        let difference = self.difference(call, left, right)?;
        let difference = self.node(call, square(difference))?;
        let sum = self.times(call, sum, |_| (0.25, 0.0))?;
        let difference = self.times(call, difference, |_| (-0.25, 0.0))?;
        let id = self.node(call, Node::Add { left: sum, right: difference })?;
        self.done(call, id, axes, "product, from the squares of a sum and a difference")
    }

    /// A power: the square alone.
    pub(super) fn pow(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(2, 2)?;
        let exponent = match self.beside_constant(call) {
            Some((0, 1)) => self.exponent(call)?,
            _ => None,
        };
        if exponent != Some(2.0) {
            let text = "only the exponent 2 is supported";
            return Err(Reason::Computation(text.to_owned()).into());
        }
        let map = self.map(call, 0, "base")?;
        self.activate(call, &map, ActivationKind::Square)
    }

    fn exponent(&mut self, call: &Call<'m>) -> Result<Option<f64>, Stop> {
        if let Ok(integers) = self.integers(call, 1, "exponent") {
            return Ok(integers.scalar().map(|n| n as f64));
        }
        Ok(self.reals(call, 1, "exponent")?.scalar().map(f64::from))
    }

    pub(super) fn activate(
        &mut self,
        call: &Call<'m>,
        map: &Map,
        kind: ActivationKind,
    ) -> Result<Done<'m>, Stop> {
        let source = self.build(map)?;
        let slot = self.slots.emit(call.index, Node::Activation { source, kind })?;
        let value = Value::Map(Map { slot, axes: map.axes.clone() });
        Ok(Done::new(value, format!("activation {kind}")))
    }

    /// A feature map of the same shape that is not written yet.
    pub(super) fn waiting(
        &mut self,
        call: &Call<'m>,
        like: &Map,
        state: State,
        how: &str,
    ) -> Done<'m> {
        let slot = self.slots.wait(call.index, self.shape_of(like), state);
        Done::new(Value::Map(Map { slot, axes: like.axes.clone() }), how)
    }

    pub(super) fn expect_equal(&self, left: &Map, right: &Map) -> Result<(), Reason> {
        let (a, b) = (self.shape_of(left), self.shape_of(right));
        if a == b && left.axes == right.axes {
            return Ok(());
        }
        let (a, b) = (left.axes.dims(a), right.axes.dims(b));
        let text = if a == b {
            "its two terms hold channels, rows and columns in different orders".to_owned()
        } else {
            format!("its two terms have different dimensions: {a:?} and {b:?}")
        };
        Err(Reason::Layout(text))
    }
}

fn not_gelu() -> Reason {
    let text =
        "multiplying or dividing by constants is only supported by one number, as part of GELU";
    Reason::Computation(text.to_owned())
}
