//! Whole models: written byte by byte, imported, run, and compared with another interpreter.

mod agreement;
mod encode;
mod exporters;
mod hostile;
mod refusals;
mod reports;
