//! Feature maps made larger or smaller: every element of the result is one element, or a mean of
//! two, along each side.

use blindsight_model::graph::{Node, NodeId, Pick, Selection};

use super::select::sides;
use super::{Call, Converter, Done, Stop};
use crate::array::axis_of;
use crate::attributes::problem;
use crate::axes::Side;
use crate::error::Reason;

/// More weights that differ than this along one side take too many steps.
const MOST_WEIGHTS: usize = 64;

/// Longer sides than this are no network's.
const LONGEST_SIDE: usize = 1 << 14;

impl<'m> Converter<'m, '_> {
    pub(super) fn resize(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        call.operands(1, 4)?;
        let rule = Rule::take(call)?;
        let given = call.attributes.ints("axes")?.map(<[i64]>::to_vec);
        let map = self.map(call, 0, "input")?;
        let map = self.layered(call, map)?;
        let (before, rank) = (self.shape_of(&map), map.axes.rank());
        let dims = map.axes.dims(before);
        let targets = self.targets(call, &dims, given)?;
        let mut id = self.build(&map)?;
        for (axis, (&length, target)) in dims.iter().zip(&targets).enumerate() {
            if target.length == length && target.scale.is_none_or(|scale| scale == 1.0) {
                continue;
            }
            // Batch and channels stay as they are.
            let side = match (axis + 4).checked_sub(rank) {
                Some(2) => Side::Row,
                Some(3) => Side::Column,
                _ => {
                    let text = "it changes the number of channels or of pictures";
                    return Err(Reason::Layout(text.to_owned()).into());
                }
            };
            let layers = rule.layers(length, *target).ok_or_else(|| {
                let text = format!("along a side it takes more than {MOST_WEIGHTS} weights");
                Reason::Computation(text)
            })?;
            id = self.weighted(call, id, side, layers)?;
        }
        let axes = super::convolution::layer_axes(rank, self.slots.node_shape(id)?);
        self.done(call, id, axes, "elements repeated, or means of two")
    }

    /// The lengths of the result.
    fn targets(
        &mut self,
        call: &Call<'m>,
        dims: &[usize],
        given: Option<Vec<i64>>,
    ) -> Result<Vec<Target>, Stop> {
        let misfit = || Reason::Operands("its scales, sizes and axes do not fit".to_owned());
        let axes = given.unwrap_or_else(|| (0..).take(dims.len()).collect());
        let axes: Option<Vec<usize>> = axes.iter().map(|&axis| axis_of(axis, dims.len())).collect();
        let axes = axes.ok_or_else(misfit)?;
        let scales = match self.value(call, 2) {
            Some(_) => self.reals(call, 2, "scales")?.values().to_vec(),
            None => Vec::new(),
        };
        let sizes = match self.value(call, 3) {
            Some(_) => self.integers(call, 3, "sizes")?.values().to_vec(),
            None => Vec::new(),
        };
        let unchanged = |&length: &usize| Target { length, scale: None };
        let mut targets: Vec<Target> = dims.iter().map(unchanged).collect();
        if scales.len().max(sizes.len()) != axes.len() || !(scales.is_empty() || sizes.is_empty()) {
            return Err(misfit().into());
        }
        for (index, axis) in axes.into_iter().enumerate() {
            let target = targets.get_mut(axis).ok_or_else(misfit)?;
            if let Some(&scale) = scales.get(index) {
                let length = (target.length as f64 * f64::from(scale)).floor();
                target.length = if length > LONGEST_SIDE as f64 { 0 } else { length as usize };
                target.scale = Some(f64::from(scale));
            } else if let Some(&size) = sizes.get(index) {
                target.length = usize::try_from(size).unwrap_or(0);
            }
            if !(1..=LONGEST_SIDE).contains(&target.length) {
                return Err(misfit().into());
            }
        }
        Ok(targets)
    }

    /// The sum of elements at these places, each times its weight.
    fn weighted(
        &mut self,
        call: &Call<'m>,
        source: NodeId,
        side: Side,
        layers: Vec<Layer>,
    ) -> Result<NodeId, Stop> {
        let everything = Selection::everything(sides(self.slots.node_shape(source)?));
        let mut sum = None;
        for Layer { weight, places } in layers {
            let selection = match side {
                Side::Row => everything.clone().with_rows(places),
                _ => everything.clone().with_columns(places),
            };
            let picks = selection.channels().iter();
            let picks = picks.map(|pick| Pick { factor: weight, ..*pick }).collect();
            let selection = selection.with_channels(picks)?;
            let part = self.node(call, Node::Select { source, selection })?;
            sum = Some(match sum {
                None => part,
                Some(left) => self.node(call, Node::Add { left, right: part })?,
            });
        }
        Ok(sum.unwrap_or(source))
    }
}

/// A side of the result.
#[derive(Clone, Copy)]
struct Target {
    length: usize,
    /// How many times as long it is, where that is given.
    scale: Option<f64>,
}

/// Which elements have this weight in the result.
struct Layer {
    weight: f32,
    places: Vec<Option<usize>>,
}

/// How elements of the result are made.
struct Rule {
    place: Place,
    /// Means of two, or else the nearest.
    linear: bool,
    nearest: Nearest,
}

/// Where an element of the result lies among those that are read.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixelForNn,
}

/// What is nearest.
#[derive(Clone, Copy)]
enum Nearest {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
}

impl Rule {
    fn take(call: &mut Call<'_>) -> Result<Self, Reason> {
        let attributes = &mut call.attributes;
        let unknown = |name: &str| problem(name, "has a value that is not supported".to_owned());
        let place = match attributes.text("coordinate_transformation_mode", "half_pixel")? {
            "half_pixel" => Place::HalfPixel,
            "half_pixel_symmetric" => Place::HalfPixelSymmetric,
            "pytorch_half_pixel" => Place::PytorchHalfPixel,
            "align_corners" => Place::AlignCorners,
            "asymmetric" => Place::Asymmetric,
            "tf_half_pixel_for_nn" => Place::TfHalfPixelForNn,
            _ => return Err(unknown("coordinate_transformation_mode")),
        };
        let linear = match attributes.text("mode", "nearest")? {
            "nearest" => false,
            "linear" => true,
            _ => return Err(unknown("mode")),
        };
        let nearest = match attributes.text("nearest_mode", "round_prefer_floor")? {
            "round_prefer_floor" => Nearest::PreferFloor,
            "round_prefer_ceil" => Nearest::PreferCeil,
            "floor" => Nearest::Floor,
            "ceil" => Nearest::Ceil,
            _ => return Err(unknown("nearest_mode")),
        };
        if attributes.text("keep_aspect_ratio_policy", "stretch")? != "stretch" {
            return Err(unknown("keep_aspect_ratio_policy"));
        }
        if attributes.flag("antialias", false)? {
            return Err(unknown("antialias"));
        }
        // They are for other modes.
        for name in ["cubic_coeff_a", "exclude_outside", "extrapolation_value"] {
            attributes.ignore(name);
        }
        Ok(Self { place, linear, nearest })
    }

    /// What the elements of the result are sums of; `None` when there are too many weights.
    fn layers(&self, length: usize, target: Target) -> Option<Vec<Layer>> {
        let mut layers: Vec<Layer> = Vec::new();
        for at in 0..target.length {
            for (from, weight) in self.parts(at, length, target) {
                let free =
                    |layer: &Layer| layer.weight == weight && layer.places.get(at) == Some(&None);
                let index = layers.iter().position(free).unwrap_or(layers.len());
                if index == layers.len() {
                    layers.push(Layer { weight, places: vec![None; target.length] });
                }
                *layers.get_mut(index)?.places.get_mut(at)? = Some(from);
                if layers.len() > MOST_WEIGHTS {
                    return None;
                }
            }
        }
        Some(layers)
    }

    /// What an element of the result is the sum of.
    fn parts(&self, at: usize, length: usize, target: Target) -> Vec<(usize, f32)> {
        let place = self.place(at as f64, length as f64, target);
        let inside = |at: f64| at.clamp(0.0, (length - 1) as f64) as usize;
        if !self.linear {
            let nearest = match self.nearest {
                Nearest::PreferFloor => (place - 0.5).ceil(),
                Nearest::PreferCeil => (place + 0.5).floor(),
                Nearest::Floor => place.floor(),
                Nearest::Ceil => place.ceil(),
            };
            return vec![(inside(nearest), 1.0)];
        }
        let (first, second) = (inside(place.floor()), inside(place.floor() + 1.0));
        // Weights that are the same but for rounding are the same.
        let weight = ((place - place.floor()) * 65_536.0).round() / 65_536.0;
        if first == second || weight == 0.0 {
            return vec![(first, 1.0)];
        }
        vec![(first, (1.0 - weight) as f32), (second, weight as f32)]
    }

    fn place(&self, at: f64, length: f64, target: Target) -> f64 {
        let after = target.length as f64;
        let scale = target.scale.unwrap_or(after / length);
        match self.place {
            Place::PytorchHalfPixel if target.length <= 1 => 0.0,
            Place::HalfPixel | Place::PytorchHalfPixel => (at + 0.5) / scale - 0.5,
            Place::HalfPixelSymmetric => {
                // What the length of the result cuts off, on both sides alike.
                let adjusted = after / (length * scale);
                let offset = length / 2.0 * (1.0 - adjusted);
                offset + (at + 0.5) / scale - 0.5
            }
            Place::AlignCorners if target.length <= 1 => 0.0,
            Place::AlignCorners => at * (length - 1.0) / (after - 1.0),
            Place::Asymmetric => at / scale,
            Place::TfHalfPixelForNn => (at + 0.5) / scale,
        }
    }
}
