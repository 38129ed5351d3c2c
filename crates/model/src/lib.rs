//! The networks that are run under encryption, and everything about them that needs none.
//!
//! - [`graph`] describes a network as data, [`resnet20`] builds one from [`weights`], [`fold`]
//!   simplifies it; [`model`] does all three for a served model. [`sequential`] describes one as a
//!   list of layers, as it is written for training, and keeps it in one file.
//! - [`plain`] runs it on unencrypted numbers; [`calibration`] measures the ranges that the
//!   encrypted run has to cover.
//! - [`picture`] turns picture files into input, [`cifar`] reads the data set, [`metadata`] and
//!   [`classes`] say what the numbers mean. With the feature `datasets`, `dataset` reads folders
//!   of pictures and files of other formats.
//!
//! Files that come from outside (pictures, weights, calibrations, data sets) are parsed into
//! types that cannot hold anything malformed; whatever is wrong with them is a typed error.

pub mod calibration;
pub mod cifar;
pub mod classes;
#[cfg(feature = "datasets")]
pub mod dataset;
pub mod fingerprint;
pub mod fold;
pub mod graph;
pub mod metadata;
pub mod model;
pub mod picture;
pub mod plain;
pub mod resnet20;
pub mod sequential;
pub mod tensor;
pub mod weights;
