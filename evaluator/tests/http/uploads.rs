//! Uploads: tus, and what makes a bundle.

use std::io::Write as _;
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use blindsight_evaluator::config::Config;

use crate::database::OBJECTS;
use crate::fake::{Spec, bundle, frames};
use crate::server::{Keys, Server, TUS};

/// Runs a test on a service that keeps unfinished uploads as files, and on one that keeps them as
/// objects.
fn on_both(settings: impl Fn(&mut Config), test: impl Fn(&Server)) {
    for blobs in [None, Some(OBJECTS)] {
        test(&Server::start(|config| {
            config.blobs = blobs.map(str::to_owned);
            settings(config);
        }));
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn keys_arrive_in_parts() {
    on_both(
        |_| {},
        |server| {
            let keys = server.begin();
            let path = format!("/v1/uploads/{}", keys.id);
            let capability = ("Blindsight-Capability", keys.capability.as_str());
            let bytes = bundle(1);
            let mut offset = 0;
            // Within a frame, at its end, across two.
            let frames = frames();
            let (first, second) = (frames[0], frames[0] + frames[1]);
            for end in [10, first, first + 1, second - 9, second + frames[2], bytes.len()] {
                let appended = server.append(&keys, offset, &bytes[offset..end], &[]);
                assert_eq!(appended.status, 204, "{}", appended.text());
                assert_eq!(appended.header("upload-offset"), Some(end.to_string()));
                assert_eq!(appended.header("blindsight-keys").is_some(), end == bytes.len());
                let head = server.send("HEAD", &path, &[TUS, capability], &[]);
                assert_eq!(head.header("upload-offset"), Some(end.to_string()));
                assert_eq!(head.header("upload-length"), Some(bytes.len().to_string()));
                assert_eq!(head.header("upload-expires").is_some(), end < bytes.len());
                offset = end;
            }
            let stored = server.get(&format!("/v1/keys/{}", keys.id), &keys.capability).json();
            let sha256: String =
                Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(stored["sha256"], sha256);
            assert_eq!(stored["stored_bytes"], bytes.len());

            // Who missed the last answer asks again.
            assert_eq!(server.append(&keys, bytes.len(), &[], &[]).status, 204);
            assert_eq!(server.append(&keys, 0, &[1], &[]).refusal(), refused(409, "wrong_offset"));

            // The same keys again: nothing to send, and the same key set.
            let metadata =
                format!("model {},sha256 {}", STANDARD.encode("fake"), STANDARD.encode(&sha256));
            let again = server.create(&[("Upload-Metadata", &metadata), capability]);
            assert_eq!((again.status, again.id()), (201, keys.id.clone()));
            assert_eq!(again.header("upload-offset"), Some(bytes.len().to_string()));
            assert_eq!(again.header("blindsight-keys"), Some(keys.id.clone()));
            assert_eq!(again.header("blindsight-capability"), None);
            // A stranger who knows the hash learns nothing from it.
            let stranger = server.create(&[("Upload-Metadata", &metadata)]);
            assert_eq!(stranger.header("upload-offset"), Some("0".to_owned()));
        },
    );
}

#[test]
fn uploads_that_cannot_be_are_refused() {
    let server = Server::start(|_| {});
    let length = bundle(0).len();
    let (short, signed) = ((length - 1).to_string(), format!("+{length}"));
    let cases: [(&str, &str, u16, &str); 11] = [
        ("Tus-Resumable", "0.2.2", 412, "wrong_tus_version"),
        ("Upload-Length", "0", 400, "wrong_upload_length"),
        ("Upload-Length", &short, 400, "wrong_upload_length"),
        ("Upload-Length", "-1", 400, "wrong_upload_length"),
        ("Upload-Length", "18446744073709551616", 400, "wrong_upload_length"),
        ("Upload-Length", &signed, 400, "wrong_upload_length"),
        ("Upload-Metadata", "", 400, "bad_upload_metadata"),
        ("Upload-Metadata", "model", 404, "unknown_model"),
        ("Upload-Metadata", "model ????", 400, "bad_upload_metadata"),
        ("Upload-Metadata", "model b3RoZXI=", 404, "unknown_model"),
        ("Upload-Metadata", "model ZmFrZQ==,sha256 YWI=", 400, "bad_upload_metadata"),
    ];
    for (name, value, status, code) in cases {
        let created = server.create(&[(name, value)]);
        assert_eq!(created.refusal(), refused(status, code), "{name}: {value}");
    }
    let without = server.send("POST", "/v1/uploads", &[], &[]);
    assert_eq!(without.refusal(), refused(412, "wrong_tus_version"));
    assert_eq!(without.header("tus-version").as_deref(), Some("1.0.0"));
    let options = server.send("OPTIONS", "/v1/uploads", &[], &[]);
    assert_eq!(options.header("tus-max-size"), Some(bundle(0).len().to_string()));
}

#[test]
fn parts_that_cannot_be_are_refused() {
    on_both(
        |config| config.part_bytes = 2000,
        |server| {
            let keys = server.begin();
            let bytes = bundle(1);
            let digest = STANDARD.encode([0; 20]);
            let wrong = format!("sha1 {digest}");
            let unknown = format!("md5 {digest}");
            let cases: [(&str, &str, u16, &str); 9] = [
                ("Tus-Resumable", "2.0.0", 412, "wrong_tus_version"),
                ("Content-Type", "application/octet-stream", 415, "wrong_content_type"),
                ("Content-Type", "", 415, "wrong_content_type"),
                ("Upload-Offset", "1", 409, "wrong_offset"),
                ("Upload-Offset", "x", 400, "bad_upload_offset"),
                ("Upload-Offset", "99999999999999999999", 400, "bad_upload_offset"),
                ("Upload-Checksum", &wrong, 460, "checksum_mismatch"),
                ("Upload-Checksum", &unknown, 400, "bad_upload_checksum"),
                ("Upload-Checksum", "sha1", 400, "bad_upload_checksum"),
            ];
            for (name, value, status, code) in cases {
                let appended = server.append(&keys, 0, &bytes[..100], &[(name, value)]);
                assert_eq!(appended.refusal(), refused(status, code), "{name}: {value}");
            }
            let long = server.append(&keys, 0, &bytes[..2001], &[]);
            assert_eq!(long.refusal(), refused(413, "body_too_large"));
            // Nothing of all that counts.
            let sha1 = format!("sha1 {}", STANDARD.encode(Sha1::digest(&bytes[..100])));
            let appended = server.append(&keys, 0, &bytes[..100], &[("Upload-Checksum", &sha1)]);
            assert_eq!(appended.header("upload-offset").as_deref(), Some("100"));
            let sha256 = format!("sha256 {}", STANDARD.encode(Sha256::digest(&bytes[100..200])));
            let appended =
                server.append(&keys, 100, &bytes[100..200], &[("Upload-Checksum", &sha256)]);
            assert_eq!(appended.header("upload-offset").as_deref(), Some("200"));
        },
    );
}

#[test]
fn a_wrong_key_ends_the_upload() {
    on_both(
        |_| {},
        |server| {
            let frames = frames();
            let (first, second) = (frames[0], frames[0] + frames[1]);
            for (at, byte, code) in
                [(0, 9, "wrong_key"), (first, 0xFF, "secret_key_refused"), (second, 1, "wrong_key")]
            {
                let keys = server.begin();
                let mut bytes = bundle(1);
                bytes[at] = byte;
                let appended = server.append(&keys, 0, &bytes, &[]);
                assert_eq!(appended.refusal(), refused(422, code));
                let again = server.append(&keys, 0, &bundle(1), &[]);
                assert_eq!(again.refusal(), refused(410, "gone"));
                let capability = ("Blindsight-Capability", keys.capability.as_str());
                let path = format!("/v1/uploads/{}", keys.id);
                assert_eq!(server.send("HEAD", &path, &[TUS, capability], &[]).status, 410);
                assert_eq!(server.delete(&path, &keys.capability).status, 204);
                assert_eq!(server.delete(&path, &keys.capability).status, 404);
            }
        },
    );
}

#[test]
fn other_bytes_than_announced_are_refused() {
    on_both(
        |_| {},
        |server| {
            let announced = STANDARD.encode("ab".repeat(32));
            let metadata = format!("model {},sha256 {announced}", STANDARD.encode("fake"));
            let created = server.create(&[("Upload-Metadata", &metadata)]);
            let capability = created.header("blindsight-capability").unwrap();
            let keys = Keys { id: created.id(), capability };
            let appended = server.append(&keys, 0, &bundle(1), &[]);
            assert_eq!(appended.refusal(), refused(422, "sha256_mismatch"));
        },
    );
}

#[test]
fn what_arrived_before_a_break_is_kept() {
    on_both(
        |_| {},
        |server| {
            let keys = server.begin();
            let bytes = bundle(3);
            let head = |length: usize| {
                format!(
                    "PATCH /v1/uploads/{} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n\
                 Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n\
                 Blindsight-Capability: {}\r\nContent-Length: {length}\r\n\r\n",
                    keys.id, keys.capability
                )
            };
            let mut broken = TcpStream::connect(server.address).unwrap();
            broken.write_all(head(bytes.len()).as_bytes()).unwrap();
            broken.write_all(&bytes[..30_000]).unwrap();
            broken.flush().unwrap();
            // The server has no reason yet to think that the connection is dead; the client comes back.
            std::thread::sleep(std::time::Duration::from_millis(200));
            let path = format!("/v1/uploads/{}", keys.id);
            let capability = ("Blindsight-Capability", keys.capability.as_str());
            let head = server.send("HEAD", &path, &[TUS, capability], &[]);
            assert_eq!(head.header("upload-offset").as_deref(), Some("30000"));
            assert_eq!(server.append(&keys, 30_000, &bytes[30_000..], &[]).status, 204);
            drop(broken);
        },
    );
}

#[test]
fn a_slow_body_ends() {
    on_both(
        |config| config.body_pause_seconds = 1,
        |server| {
            let keys = server.begin();
            let request = format!(
                "PATCH /v1/uploads/{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n\
             Upload-Offset: 0\r\nBlindsight-Capability: {}\r\nContent-Length: 1000\r\n\r\nslow",
                keys.id, keys.capability
            );
            let answer = server.raw(request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
            assert!(answer.contains("body_timeout"), "{answer}");
        },
    );
}

#[test]
fn deleting_frees_everything() {
    on_both(
        |_| {},
        |server| {
            let keys = server.keys(1);
            let other = server.keys(1);
            let path = |keys: &Keys| format!("/v1/keys/{}", keys.id);
            assert_eq!(server.delete(&path(&keys), &keys.capability).status, 204);
            assert_eq!(server.delete(&path(&keys), &keys.capability).status, 404);
            // The bundle is stored once, and lives as long as somebody uses it.
            let job = server.job(&other, &crate::fake::request(0, crate::fake::Behaviour::Works));
            assert_eq!(server.end(&other, &job)["state"], "done");
            assert_eq!(server.delete(&path(&other), &other.capability).status, 204);
            let begun = server.begin();
            assert_eq!(server.delete(&path(&begun), &begun.capability).status, 204);
            let blobs = server.service.config.data.join("blobs");
            // The service tidies up after it has answered.
            server.wait(|| walk(&blobs).is_empty().then_some(()));
            let uploads = server.service.config.data.join("uploads");
            server.wait(|| walk(&uploads).is_empty().then_some(()));
        },
    );
}

pub(crate) fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn what_was_damaged_in_the_store_is_noticed() {
    // Small parts are read when they are taken up into the next one, all others at the end.
    let spec = Spec::wide();
    let bytes = spec.bundle(|_| true, 1);
    for most in [9000, 300_000] {
        let server = Server::start_serving(&[("wide.bs", spec.clone())], |config| {
            config.blobs = Some(OBJECTS.to_owned());
        });
        let created = server.create_beside(("wide", ""), bytes.len(), None);
        let capability = created.header("blindsight-capability").unwrap();
        let keys = Keys { id: created.id(), capability };
        assert_eq!(server.append(&keys, 0, &bytes[..most], &[]).status, 204);
        let parts = walk(&server.service.config.data.join("blobs/uploads").join(&keys.id));
        let mut content = std::fs::read(&parts[0]).unwrap();
        assert_eq!((parts.len(), content.len()), (1, most));
        // Not where frames are looked at.
        content[most / 2] ^= 1;
        std::fs::write(&parts[0], content).unwrap();
        let appended = server.append(&keys, most, &bytes[most..], &[]);
        assert_eq!(appended.refusal(), refused(422, "damaged"));
        assert_eq!(server.append(&keys, 0, &bytes, &[]).refusal(), refused(410, "gone"));
        let blobs = server.service.config.data.join("blobs");
        server.wait(|| walk(&blobs).is_empty().then_some(()));
    }
}
