//! Parts of uploads that are not taken. None of them moves the upload.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blindsight_tests::api::{Api, PART};
use blindsight_tests::http::{Connection, Request, Response};
use sha1::{Digest as _, Sha1};

use crate::table::Table;
use crate::world::World;

/// What the upload stands at while it is asked.
const START: usize = 1000;

pub(crate) fn rows(world: &World, table: &mut Table) {
    let World { api, client, .. } = world;
    let upload = api.create(client.bundle.len());
    let part = |offset, bytes| api.part(&upload, offset, bytes);
    api.send(&part(0, &client.bundle[..START])).expect(204);
    let next = &client.bundle[START..START + 5000];
    let good = || part(START, next);

    let wrong = (409, "wrong_offset");
    for offset in [0, START - 1, START + 1, client.bundle.len(), usize::MAX] {
        table.refused(api, wrong, &format!("offset {offset}"), &part(offset, next));
    }
    let malformed = (400, "bad_upload_offset");
    let request = good().without("Upload-Offset");
    table.refused(api, malformed, "no offset", &request);
    for offset in ["-1", "1000.0", "0x3e8", "", "1000 1000", "99999999999999999999"] {
        let name = format!("offset {offset:?}");
        table.refused(api, malformed, &name, &request.clone().header("Upload-Offset", offset));
    }

    let kind = (415, "wrong_content_type");
    let request = good().without("Content-Type");
    table.refused(api, kind, "no content type", &request);
    for other in ["application/octet-stream", "multipart/form-data; boundary=x", "nonsense"] {
        let name = format!("content type {other}");
        table.refused(api, kind, &name, &request.clone().header("Content-Type", other));
    }
    let request = good().without("Tus-Resumable");
    table.refused(api, (412, "wrong_tus_version"), "no tus version", &request);

    let mismatch = (460, "checksum_mismatch");
    let other_bytes = [next, b"more"].concat();
    let sha1 = format!("sha1 {}", STANDARD.encode(Sha1::digest(&other_bytes)));
    let sha256 = Api::checksum(&other_bytes);
    for (name, value) in [("sha1", &sha1), ("sha256", &sha256)] {
        let request = good().header("Upload-Checksum", value);
        table.refused(api, mismatch, &format!("{name} of other bytes"), &request);
    }
    let malformed = (400, "bad_upload_checksum");
    let short = format!("sha256 {}", STANDARD.encode([0; 20]));
    for value in ["", "sha1", "md5 1B2M2Y8AsgTpgAmY7PhCfg==", "sha1 not-base64", "SHA1 ", &short] {
        let request = good().header("Upload-Checksum", value);
        table.refused(api, malformed, &format!("checksum {value:?}"), &request);
    }

    let large = (413, "body_too_large");
    let too_much = vec![0; PART + 1];
    table.refused(api, large, "a part beyond the limit", &part(START, &too_much));
    let chunked = good().without("Content-Length").header("Transfer-Encoding", "chunked");
    let answer = send_chunks(world, &chunked, &[&too_much[..PART], &too_much[..1]]);
    table.refusal(large, "a part beyond the limit, in chunks", answer);
    // Nobody sends so much, and nobody must wait for it.
    let huge = part(START, &[]).header("Content-Length", &(1_u64 << 50).to_string());
    table.refused(api, large, "an announced petabyte", &huge);

    slow(world, table, &good());

    let put = (405, "method_not_allowed");
    let path = format!("/v1/uploads/{}", upload.id);
    for method in ["GET", "PUT", "POST", "PATCHED", "TRACE"] {
        table.refused(api, put, method, &api.request_of(&upload, method, &path));
    }

    let head = api.head(&upload).expect(200);
    assert_eq!(head.number("Upload-Offset"), Some(START as u64), "a refused part moved the upload");
    finished(world, table);
}

/// A body that stops coming.
fn slow(world: &World, table: &mut Table, request: &Request<'_>) {
    let mut connection = Connection::open(world.api.address).unwrap();
    // Less than is announced, and then nothing. With a checksum, so that the rest does not count.
    let checksum = Api::checksum(b"");
    connection.send(&request.clone().header("Upload-Checksum", &checksum).head()).unwrap();
    connection.send(b"a few bytes").unwrap();
    let answer = connection.receive("PATCH").unwrap();
    table.refusal((408, "body_timeout"), "a body that stops coming", answer);
}

/// Parts for an upload that is complete.
fn finished(world: &World, table: &mut Table) {
    let World { api, client, mine, .. } = world;
    let length = client.bundle.len();
    let one = &client.bundle[..1];
    let (elsewhere, large) = ((409, "wrong_offset"), (413, "body_too_large"));
    let complete = "of a complete upload";
    table.refused(api, elsewhere, &format!("the start {complete}"), &api.part(mine, 0, one));
    let last = api.part(mine, length - 1, one);
    table.refused(api, elsewhere, &format!("the last byte {complete}"), &last);
    let beyond = api.part(mine, length, one);
    table.refused(api, large, &format!("a byte beyond the end {complete}"), &beyond);
}

pub(crate) fn send_chunks(world: &World, request: &Request<'_>, chunks: &[&[u8]]) -> Response {
    let mut connection = Connection::open(world.api.address).unwrap();
    connection.send(&request.head()).unwrap();
    for chunk in chunks {
        let size = format!("{:x}\r\n", chunk.len());
        let framed = [size.as_bytes(), chunk, b"\r\n"].concat();
        if connection.send(&framed).is_err() {
            break;
        }
    }
    // The answer counts, even if the end is not wanted any more.
    let _ = connection.send(b"0\r\n\r\n");
    connection.receive("").unwrap()
}
