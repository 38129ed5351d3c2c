//! The service over HTTP, on a small models without cryptography. Every answer is compared with the
//! API's own description.

#![cfg(test)]

mod access;
mod admin;
mod ahead;
mod callers;
mod database;
mod document;
mod events;
mod jobs;
mod jwt;
#[cfg(feature = "exact")]
mod labels;
mod limits;
mod models;
mod page;
mod real;
mod recovery;
mod server;
mod several_front_ends;
mod several_keys;
mod tenants;
#[cfg(feature = "otlp")]
mod traces;
mod uploads;

use blindsight_fake as fake;
