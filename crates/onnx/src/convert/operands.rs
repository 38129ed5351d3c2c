//! What a node reads: feature maps, weights, lists of integers.

use std::rc::Rc;

use blindsight_model::graph::NodeId;
use blindsight_model::tensor::Shape;

use super::{Call, Constant, Converter, MAX_TOTAL_WEIGHTS, Map, Stop, Value};
use crate::array::Array;
use crate::error::Reason;
use crate::tensors::{self, Kind, type_name};

impl<'m> Converter<'m, '_> {
    pub(super) fn all_constant(&self, call: &Call<'m>) -> bool {
        let constant = |name: &&str| matches!(self.values.get(name), Some(Value::Constant(_)));
        let mut names = call.node.input.iter().map(String::as_str).filter(|name| !name.is_empty());
        names.all(|name| constant(&name)) && !call.node.input.is_empty()
    }

    /// What an input stands for; `None` when it is left out.
    pub(super) fn value(&self, call: &Call<'m>, input: usize) -> Option<&Value<'m>> {
        self.values.get(call.node.input.get(input).filter(|name| !name.is_empty())?.as_str())
    }

    /// An input that is a feature map.
    pub(super) fn map(
        &mut self,
        call: &Call<'m>,
        input: usize,
        what: &'static str,
    ) -> Result<Map, Stop> {
        self.shown(call, input)?;
        let map = match self.value(call, input) {
            Some(Value::Map(map)) => map.clone(),
            Some(Value::View { .. }) => return Err(Stop::Poisoned),
            Some(Value::Scores(_)) => return Err(Reason::AfterSoftmax.into()),
            Some(Value::Constant(_)) => return Err(Reason::Constant(what).into()),
            Some(Value::Refused) => return Err(Stop::Poisoned),
            None => return Err(missing(what)),
        };
        self.note_sharing(call, input, &map);
        Ok(map)
    }

    /// Remembers when something else reads the same value, so that it may not be changed.
    pub(super) fn note_sharing(&mut self, call: &Call<'m>, input: usize, map: &Map) {
        let name = call.node.input.get(input).map(String::as_str);
        if name.and_then(|name| self.readers.get(name)).is_some_and(|&readers| readers > 1) {
            self.slots.share(map.slot);
        }
    }

    pub(super) fn shape_of(&self, map: &Map) -> Shape {
        self.slots.shape(map.slot)
    }

    /// Writes a feature map to the network, if it is not there yet.
    pub(super) fn build(&mut self, map: &Map) -> Result<NodeId, Stop> {
        self.build_slot(map.slot)
    }

    pub(super) fn build_slot(&mut self, slot: usize) -> Result<NodeId, Stop> {
        self.slots.build(slot).map_err(|problem| match problem {
            Some((origin, reason)) => {
                self.refusals.push((origin, reason));
                Stop::Poisoned
            }
            None => Stop::Poisoned,
        })
    }

    pub(super) fn constant(
        &self,
        call: &Call<'m>,
        input: usize,
        what: &'static str,
    ) -> Result<Constant<'m>, Stop> {
        match self.value(call, input) {
            Some(Value::Constant(constant)) => Ok(constant.clone()),
            Some(Value::Map(_) | Value::View { .. } | Value::Scores(_)) => {
                Err(Reason::NotConstant(what).into())
            }
            Some(Value::Refused) => Err(Stop::Poisoned),
            None => Err(missing(what)),
        }
    }

    /// An input that holds real numbers known beforehand.
    pub(super) fn reals(
        &mut self,
        call: &Call<'m>,
        input: usize,
        what: &'static str,
    ) -> Result<Rc<Array<f32>>, Stop> {
        let constant = self.constant(call, input, what)?;
        self.read_reals(&constant, what)
    }

    pub(super) fn read_reals(
        &mut self,
        constant: &Constant<'m>,
        what: &'static str,
    ) -> Result<Rc<Array<f32>>, Stop> {
        let wrong = |found| Reason::Type { what, expected: "real numbers", found };
        match constant {
            Constant::Integers(_) => Err(wrong("integers".to_owned()).into()),
            Constant::Reals(array) => {
                self.spend(array.values().len())?;
                Ok(Rc::clone(array))
            }
            Constant::Stored(tensor) => {
                let kind = Kind::of(tensor.data_type).filter(|kind| kind.is_real());
                let kind = kind.ok_or_else(|| wrong(type_name(tensor.data_type)))?;
                let damaged = |reason| Reason::Tensor { what, reason };
                let count = tensors::count(tensor, self.weights_left);
                self.spend(count.map_err(|_| too_many())?)?;
                Ok(Rc::new(tensors::reals(tensor, kind, self.external).map_err(damaged)?))
            }
        }
    }

    pub(super) fn spend(&mut self, numbers: usize) -> Result<(), Reason> {
        self.weights_left = self.weights_left.checked_sub(numbers).ok_or_else(too_many)?;
        Ok(())
    }

    /// An input that holds integers known beforehand.
    pub(super) fn integers(
        &self,
        call: &Call<'m>,
        input: usize,
        what: &'static str,
    ) -> Result<Rc<Array<i64>>, Stop> {
        self.read_integers(&self.constant(call, input, what)?, what)
    }

    pub(super) fn read_integers(
        &self,
        constant: &Constant<'m>,
        what: &'static str,
    ) -> Result<Rc<Array<i64>>, Stop> {
        let wrong = |found| Reason::Type { what, expected: "integers", found };
        match constant {
            Constant::Reals(_) => Err(wrong("real numbers".to_owned()).into()),
            Constant::Integers(array) => Ok(Rc::clone(array)),
            Constant::Stored(tensor) => {
                let kind = Kind::of(tensor.data_type).filter(|kind| !kind.is_real());
                let kind = kind.ok_or_else(|| wrong(type_name(tensor.data_type)))?;
                let damaged = |reason| Reason::Tensor { what, reason };
                Ok(Rc::new(tensors::integers(tensor, kind, self.external).map_err(damaged)?))
            }
        }
    }

    /// Integers given as an attribute by old versions of an operator and as an input by new ones.
    pub(super) fn integers_either(
        &self,
        call: &mut Call<'m>,
        attribute: &str,
        input: usize,
        what: &'static str,
    ) -> Result<Option<Vec<i64>>, Stop> {
        if let Some(ints) = call.attributes.ints(attribute)? {
            return Ok(Some(ints.to_vec()));
        }
        if self.value(call, input).is_none() {
            return Ok(None);
        }
        Ok(Some(self.integers(call, input, what)?.values().to_vec()))
    }
}

impl Call<'_> {
    /// Refuses too few or too many inputs; those left out at the end do not count.
    pub(super) fn operands(&self, least: usize, most: usize) -> Result<(), Reason> {
        let given =
            self.node.input.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        if (least..=most).contains(&given) {
            return Ok(());
        }
        Err(Reason::Operands(format!("it has {given} inputs; it should have {least} to {most}")))
    }
}

pub(super) fn missing(what: &str) -> Stop {
    Reason::Operands(format!("its {what} is missing")).into()
}

fn too_many() -> Reason {
    Reason::TooManyWeights { most: MAX_TOTAL_WEIGHTS }
}
