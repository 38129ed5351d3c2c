//! Encrypted pictures that are none. None of them becomes a job.

use blindsight_ckks::wire::frame::HEADER_BYTES;
use blindsight_tests::http::Connection;
use blindsight_tests::{client, forge};

use crate::parts::send_chunks;
use crate::table::Table;
use crate::world::World;

const SAMPLE: &str = "03-cat-0.png";
/// In the payload: the level, the scale, the seed, the polynomial.
const SCALE_AT: usize = 2;
const SEED_AT: usize = 10;

pub(crate) fn rows(world: &World, table: &mut Table) {
    let World { api, client, mine, other, .. } = world;
    let request = client.request(SAMPLE, 2);
    let submit = |body| api.submission(mine, body);

    for (name, code, body) in objects(world, &request) {
        table.refused(api, (422, code), &name, &api.submission(mine, &body));
    }
    let large = (413, "body_too_large");
    let longer = [&request[..], &[0]].concat();
    table.refused(api, large, "a byte more", &submit(&longer));
    table.refused(api, large, "a bundle for a request", &submit(&client.bundle[..8 << 20]));
    let format = client::contract().request().slots().unwrap();
    let higher = client.request_at(SAMPLE, 3, format.level() + 1, format.scale());
    table.refused(api, large, "a level more", &submit(&higher));
    let chunked = submit(&[]).header("Transfer-Encoding", "chunked");
    let answer = send_chunks(world, &chunked, &[&request, &[0; 1000]]);
    table.refusal(large, "chunks beyond the limit", answer);
    let petabyte = submit(&[]).header("Content-Length", &(1_u64 << 50).to_string());
    table.refused(api, large, "an announced petabyte", &petabyte);

    let kind = (415, "wrong_content_type");
    let untyped = submit(&request).without("Content-Type");
    table.refused(api, kind, "no content type", &untyped);
    for other in ["application/json", "image/png", "text/plain; charset=utf-8", "application"] {
        let typed = untyped.clone().header("Content-Type", other);
        table.refused(api, kind, &format!("content type {other}"), &typed);
    }

    let malformed = (400, "bad_idempotency_key");
    let long = "x".repeat(129);
    for (name, key) in [
        ("empty", ""),
        ("of 129 characters", &long),
        ("with an accent", "é"),
        ("with a tab", "a\tb"),
    ] {
        let request = submit(&request).header("Idempotency-Key", key);
        table.refused(api, malformed, &format!("idempotency key: {name}"), &request);
    }

    let mut connection = Connection::open(api.address).unwrap();
    connection.send(&submit(&request).head()).unwrap();
    connection.send(&request[..1000]).unwrap();
    let answer = connection.receive("POST").unwrap();
    table.refusal((408, "body_timeout"), "a body that stops coming", answer);

    let unfinished = api.submission(other, &request);
    table.refused(api, (404, "not_found"), "keys that are not complete", &unfinished);
}

fn objects(world: &World, request: &[u8]) -> Vec<(String, &'static str, Vec<u8>)> {
    let format = client::contract().request().slots().unwrap();
    let header = |at, bytes: &[u8]| forge::header(request, at, bytes);
    let payload = |at, bytes: &[u8]| forge::payload(request, at, bytes);
    let scale = |scale: f64| payload(SCALE_AT, &scale.to_le_bytes());
    let level = |level: u16| payload(0, &level.to_le_bytes());
    let at = |level, scale| world.client.request_at(SAMPLE, 4, level, scale);
    let half = (request.len() - HEADER_BYTES) / 2;
    let last = request.len() - HEADER_BYTES - 4;
    let mut rows = vec![
        ("noise", "not_blindsight", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a picture", "not_blindsight", picture()),
        ("version 7", "unsupported_version", header(4, &[7])),
        ("of kind 99", "unknown_kind", header(6, &[99])),
        ("a ciphertext in full", "wrong_kind", header(6, &[1])),
        ("an evaluation key", "wrong_kind", world.client.smallest_key().to_vec()),
        ("a manifest", "wrong_kind", world.client.frame(0).to_vec()),
        ("a response", "wrong_kind", header(6, &[5])),
        ("a secret key", "secret_key_refused", header(6, &[6])),
        ("other parameters", "wrong_parameters", header(7, &[0; 32])),
        ("a length beyond its end", "truncated", header(39, &[request[39].wrapping_add(1)])),
        ("a length before its end", "trailing_bytes", header(39, &[0, 0])),
        ("an endless length", "too_long", header(39, &[0xFF; 8])),
        ("another checksum", "damaged", header(47, &[0; 4])),
        ("a level less", "wrong_level", at(format.level() - 1, format.scale())),
        ("the lowest level", "wrong_level", at(1, 1e5)),
        ("said to be of a level more", "wrong_level", level(format.level() as u16 + 1)),
        ("said to be of no level", "wrong_level", level(0)),
        ("said to be of the highest level", "wrong_level", level(u16::MAX)),
        ("twice the scale", "wrong_scale", at(format.level(), 2.0 * format.scale())),
        ("almost the scale", "wrong_scale", scale(format.scale() * (1.0 - 1e-8))),
        ("no scale", "wrong_scale", scale(0.0)),
        ("a negative scale", "wrong_scale", scale(-format.scale())),
        ("an infinite scale", "not_finite", scale(f64::INFINITY)),
        ("a scale that is no number", "not_finite", scale(f64::NAN)),
        ("a coefficient that is its modulus or more", "bad_coefficient", payload(last, &[0xFF; 4])),
        ("many such coefficients", "bad_coefficient", payload(half, &[0xFF; 1000])),
        ("such a coefficient at the start", "bad_coefficient", payload(SEED_AT + 32, &[0xFF; 8])),
    ]
    .into_iter()
    .map(|(name, code, body)| (name.to_owned(), code, body))
    .collect::<Vec<_>>();
    for length in [0, 3, 4, HEADER_BYTES - 1, HEADER_BYTES, request.len() / 2, request.len() - 1] {
        rows.push((format!("cut off at {length}"), "truncated", request[..length].to_vec()));
    }
    for bit in
        [8 * HEADER_BYTES, 8 * HEADER_BYTES + 77, 8 * request.len() / 2, 8 * request.len() - 1]
    {
        rows.push((format!("bit {bit} flipped"), "damaged", forge::flipped(request, bit)));
    }
    rows
}

fn picture() -> Vec<u8> {
    std::fs::read(blindsight_tests::repository().join("samples").join(SAMPLE)).unwrap()
}
