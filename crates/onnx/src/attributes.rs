//! Attributes of one node, each to be taken once: what is left over at the end is refused.

use std::collections::BTreeMap;

use crate::error::{Reason, shown};
use crate::proto::{AttributeProto, NodeProto, TensorProto, attribute_kind as kind};

pub(crate) struct Attributes<'m> {
    left: BTreeMap<&'m str, &'m AttributeProto>,
}

impl<'m> Attributes<'m> {
    pub(crate) fn of(node: &'m NodeProto) -> Result<Self, Reason> {
        let mut left = BTreeMap::new();
        for attribute in &node.attribute {
            if attribute.g.is_some() || !attribute.graphs.is_empty() {
                return Err(Reason::Subgraph);
            }
            if left.insert(attribute.name.as_str(), attribute).is_some() {
                return Err(Reason::DuplicateAttribute(shown(&attribute.name)));
            }
        }
        Ok(Self { left })
    }

    /// Refuses what was not taken.
    pub(crate) fn finish(&self) -> Result<(), Reason> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(Reason::UnknownAttribute(shown(name))),
        }
    }

    /// Takes an attribute that means nothing at inference.
    pub(crate) fn ignore(&mut self, name: &str) {
        self.left.remove(name);
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    pub(crate) fn int(&mut self, name: &str, default: i64) -> Result<i64, Reason> {
        Ok(self.take(name, kind::INT, |attribute| attribute.i)?.unwrap_or(default))
    }

    /// A switch: 0 or 1.
    pub(crate) fn flag(&mut self, name: &str, default: bool) -> Result<bool, Reason> {
        match self.int(name, i64::from(default))? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(problem(name, format!("is {other}; it should be 0 or 1"))),
        }
    }

    pub(crate) fn float(&mut self, name: &str, default: f32) -> Result<f32, Reason> {
        let value = self.take(name, kind::FLOAT, |attribute| attribute.f)?.unwrap_or(default);
        if value.is_finite() { Ok(value) } else { Err(problem(name, "is not finite".to_owned())) }
    }

    pub(crate) fn floats(&mut self, name: &str) -> Result<Option<&'m [f32]>, Reason> {
        self.take(name, kind::FLOATS, |attribute| Some(attribute.floats.as_slice()))
    }

    pub(crate) fn ints(&mut self, name: &str) -> Result<Option<&'m [i64]>, Reason> {
        self.take(name, kind::INTS, |attribute| Some(attribute.ints.as_slice()))
    }

    pub(crate) fn text(&mut self, name: &str, default: &'m str) -> Result<&'m str, Reason> {
        match self.take(name, kind::STRING, |attribute| attribute.s.as_deref())? {
            None => Ok(default),
            Some(bytes) => std::str::from_utf8(bytes)
                .map_err(|_| problem(name, "is not readable as text".to_owned())),
        }
    }

    pub(crate) fn tensor(&mut self, name: &str) -> Result<Option<&'m TensorProto>, Reason> {
        self.take(name, kind::TENSOR, |attribute| attribute.t.as_ref())
    }

    /// `None` when the attribute is not there; a refusal when it is of another type.
    fn take<T>(
        &mut self,
        name: &str,
        expected: i32,
        value: impl Fn(&'m AttributeProto) -> Option<T>,
    ) -> Result<Option<T>, Reason> {
        let Some(attribute) = self.left.remove(name) else { return Ok(None) };
        // Very old files do not say the type.
        let right = attribute.kind == expected || attribute.kind == kind::UNDEFINED;
        match value(attribute).filter(|_| right) {
            Some(value) => Ok(Some(value)),
            None => Err(problem(name, "is of another type than it should".to_owned())),
        }
    }
}

/// A refusal of an attribute's value.
pub(crate) fn problem(name: &str, problem: String) -> Reason {
    Reason::Attribute { name: shown(name), problem }
}
