//! The service over HTTP, on a small models without cryptography. Every answer is compared with the
//! API's own description.

#![cfg(test)]

mod access;
mod callers;
mod database;
mod document;
mod events;
mod jobs;
#[cfg(feature = "exact")]
mod labels;
mod limits;
mod models;
mod page;
mod real;
mod recovery;
mod server;
mod several_keys;
mod uploads;

use blindsight_fake as fake;
