//! The service over HTTP, on a small model without cryptography. Every answer is compared with the
//! API's own description.

#![cfg(test)]

mod access;
mod document;
mod events;
mod fake;
mod jobs;
mod limits;
mod page;
mod recovery;
mod server;
mod uploads;
