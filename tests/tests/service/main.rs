//! The evaluator as a service: the real network, real keys, over HTTP.

#![cfg(test)]

mod classify;
mod client;
mod server;
mod start;
