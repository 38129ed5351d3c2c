//! Whole models: written byte by byte, imported, run, and compared with another interpreter.

mod agreement;
mod encode;
mod exporters;
mod files;
mod hostile;
mod keras;
mod layers;
mod refusals;
mod reports;
mod shapes;
