//! The evaluator as a service: the real network, real keys, over HTTP.

#![cfg(test)]
#![cfg(unix)]

mod classify;
mod start;
