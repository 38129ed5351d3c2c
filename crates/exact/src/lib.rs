//! Exact answers: a decision on CKKS scores by TFHE (Chillotti, Gama, Georgieva and Izabachene,
//! ePrint 2018/421), of which the client learns the outcome alone. What client and evaluator share,
//! without secrets and without circuits.
//!
//! Numbers of TFHE live on the circle `R/Z`, held as 64-bit words: `2^64` is once around. There are
//! two secrets, both binary: `S`, a polynomial of degree 2048, and `z`, a vector of 918 bits, under
//! which a bootstrap reads its input. The way of a decision, and its noise: docs/exact.md.

pub mod answers;
pub mod decision;
pub mod keys;
pub mod label;
pub mod noise;
pub mod parameters;
pub mod picture;
pub mod product;
pub mod sampling;
pub mod security;
pub mod wire;

pub use answers::AnswerCode;
pub use decision::{ClassSet, Decision, DecisionCode, DecisionError, Lead, Outcome};
pub use keys::{KeyPart, KeyPiece, SeededPiece};
pub use label::{LabelCiphertext, LabelCode};
pub use parameters::{Decomposition, ExactParameters, Literal, ParameterError};
pub use picture::{BinaryPicture, ExactScores};
pub use product::TorusRing;
