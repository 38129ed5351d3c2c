//! What is hardly HTTP. The library below answers some of it itself, without a body.

use std::io;

use blindsight_tests::api::Api;
use blindsight_tests::http::{Connection, Response};

use crate::table::Table;
use crate::world::{TOKEN, World};

pub(crate) fn rows(world: &World, table: &mut Table) {
    malformed(world, table);
    lying(world, table);
    large(world, table);
    smuggled(world, table);
}

fn head(world: &World, path: &str, rest: &str) -> String {
    let (token, capability) = (TOKEN, &world.mine.capability);
    format!(
        "{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Blindsight-Capability: {capability}\r\n{rest}"
    )
}

/// What comes back to these bytes, after which nothing more is said.
fn say(world: &World, bytes: &[u8]) -> io::Result<Response> {
    let mut connection = Connection::open(world.api.address)?;
    let sent = connection.send(bytes).and_then(|()| connection.end());
    // An answer counts even if not everything was wanted.
    connection.receive("").or_else(|error| sent.and(Err(error)))
}

fn malformed(world: &World, table: &mut Table) {
    let models = |rest: &str| head(world, "GET /v1/models", rest).into_bytes();
    let rows: [(&str, Vec<u8>); 14] = [
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("a line alone", b"hello\r\n\r\n".to_vec()),
        ("HTTP/9.9", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n".to_vec()),
        ("no path", b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a path with a space", b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a path with a zero", b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a header with a zero", models("X: a\0b\r\n\r\n")),
        ("a header without a colon", models("nonsense\r\n\r\n")),
        ("a header with a space in its name", models("A b: c\r\n\r\n")),
        ("a length that is no number", models("Content-Length: abc\r\n\r\n")),
        ("a negative length", models("Content-Length: -5\r\n\r\n")),
        ("a length beyond 64 bits", models("Content-Length: 99999999999999999999999\r\n\r\n")),
        ("two lengths", models("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")),
        ("an unknown transfer coding", models("Transfer-Encoding: secret\r\n\r\n")),
    ];
    for (name, bytes) in rows {
        match say(world, &bytes) {
            Ok(answer) => table.bare(400, name, answer),
            Err(error) => table.wrong(name, &format!("no answer: {error}")),
        }
    }
}

/// Bodies that are not as long as they say.
fn lying(world: &World, table: &mut Table) {
    let World { api, client, .. } = world;
    let upload = api.create(client.bundle.len());
    let part = |bytes| api.part(&upload, 0, bytes);
    let checksum = Api::checksum(b"other");

    // Fewer bytes than announced, then the end. The client can still listen, so it is told.
    let request = part(&[]).header("Content-Length", "1000").header("Upload-Checksum", &checksum);
    let bytes = [&request.head()[..], b"a few bytes"].concat();
    match say(world, &bytes) {
        Ok(answer) => {
            table.refusal((400, "body_incomplete"), "a body shorter than announced", answer);
        }
        Err(error) => table.wrong("a body shorter than announced", &error.to_string()),
    }
    assert_eq!(api.head(&upload).expect(200).number("Upload-Offset"), Some(0));

    let chunked = part(&[]).without("Content-Length").header("Transfer-Encoding", "chunked");
    let chunked = chunked.header("Upload-Checksum", &checksum).head();
    let answer = say(world, &[&chunked[..], b"3\r\nabc\r\n"].concat()).unwrap();
    table.refusal((400, "body_incomplete"), "chunks without an end", answer);
    for (name, chunks) in [
        ("a chunk of no size", &b"\r\nabc\r\n0\r\n\r\n"[..]),
        ("a chunk of a size that is no number", b"xyz\r\nabc\r\n0\r\n\r\n"),
        ("a chunk longer than its size", b"2\r\nabcdef\r\n0\r\n\r\n"),
        ("a chunk of an endless size", b"ffffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    ] {
        // Where the answer would belong cannot be told any more.
        table.hung_up(name, say(world, &[&chunked[..], chunks].concat()));
        assert_eq!(api.head(&upload).expect(200).number("Upload-Offset"), Some(0), "{name}");
    }

    // More bytes than announced: they are the next request, and none.
    let manifest = client.frame(0);
    let request = part(&[]).header("Content-Length", "100").without("Connection");
    let request = request.header("Connection", "keep-alive").head();
    let mut connection = Connection::open(api.address).unwrap();
    connection.send(&[&request[..], &manifest[..150], b"\r\n\r\n"].concat()).unwrap();
    let first = connection.receive("PATCH").unwrap();
    table.accepted(204, "a body longer than announced: the announced part", first);
    let second = connection.receive("PATCH").unwrap();
    table.bare(400, "a body longer than announced: the rest", second);
    assert_eq!(api.head(&upload).expect(200).number("Upload-Offset"), Some(100));
}

/// Heads that are too large.
fn large(world: &World, table: &mut Table) {
    let many: String = (0..200).map(|index| format!("X-{index}: y\r\n")).collect();
    let models = |rest: &str| head(world, "GET /v1/models", rest).into_bytes();
    let rows = [
        ("a header of 200 kB", models(&format!("X: {}\r\n\r\n", "y".repeat(200_000)))),
        ("two hundred headers", models(&format!("{many}\r\n"))),
        ("a path of 100 kB", head(world, &format!("GET /{}", "a".repeat(100_000)), "\r\n").into()),
        ("a head without an end", models(&"X: y\r\n".repeat(60_000))),
    ];
    for (name, bytes) in rows {
        match say(world, &bytes) {
            Ok(answer) if answer.status == 431 => table.bare(431, name, answer),
            Ok(answer) => table.bare(400, name, answer),
            Err(error) => table.wrong(name, &format!("no answer: {error}")),
        }
    }
}

/// A body that two servers would read differently must not be read at all, or as HTTP says:
/// chunks count, and then the connection ends.
fn smuggled(world: &World, table: &mut Table) {
    let hidden = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let rest = format!(
        "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        hidden.len() + 5
    );
    let name = "a length and chunks";
    match say(world, head(world, "GET /v1/models", &rest).as_bytes()) {
        Ok(answer) => table.bare(400, name, answer),
        Err(error) => table.wrong(name, &format!("no answer: {error}")),
    }
}
