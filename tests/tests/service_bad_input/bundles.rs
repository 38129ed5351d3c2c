//! Key bundles that are refused, each at the frame that is wrong; the upload is dead then.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blindsight_ckks::wire::frame::HEADER_BYTES;
use blindsight_tests::api::{Holding, MODEL, PART};
use blindsight_tests::{client, forge};

use crate::table::Table;
use crate::world::World;

const VERSION_AT: usize = 4;
const KIND_AT: usize = 6;
const FINGERPRINT_AT: usize = 7;
const LENGTH_AT: usize = 39;

pub(crate) fn rows(world: &World, table: &mut Table) {
    // Bytes of the first frame alone, or of the first two.
    for (name, code, bytes) in manifests(world).into_iter().chain(keys(world)) {
        let World { api, client, .. } = world;
        let upload = api.create(client.bundle.len());
        table.refused(api, (422, code), name, &api.part(&upload, 0, &bytes));

        let again = api.part(&upload, 0, &client.bundle[..10]);
        table.refused(api, (410, "gone"), &format!("{name}: then another part"), &again);
        table.bare(410, &format!("{name}: then its offset"), api.head(&upload));
    }
    announced(world, table);
}

type Bad = (&'static str, &'static str, Vec<u8>);

fn manifests(world: &World) -> Vec<Bad> {
    let manifest = world.client.frame(0);
    let header = |at, bytes: &[u8]| forge::header(manifest, at, bytes);
    let payload = |at, bytes: &[u8]| forge::payload(manifest, at, bytes);
    let length = (manifest.len() - HEADER_BYTES) as u64;
    let (longer, shorter) = (length + 1, length - 1);
    let count = client::contract().keys().len() as u32;
    let last_length = manifest.len() - HEADER_BYTES - 8;
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    picture.resize(manifest.len(), 0);
    vec![
        ("a picture for a manifest", "not_blindsight", picture),
        ("zeros for a manifest", "not_blindsight", vec![0; manifest.len()]),
        ("manifest: version 0", "unsupported_version", header(VERSION_AT, &[0])),
        ("manifest: version 1", "unsupported_version", header(VERSION_AT, &[1])),
        ("manifest: of no kind", "unknown_kind", header(KIND_AT, &[200])),
        ("manifest: a secret key", "secret_key_refused", header(KIND_AT, &[6])),
        ("a key for a manifest", "wrong_kind", world.client.frame(1)[..manifest.len()].to_vec()),
        ("manifest: other parameters", "wrong_parameters", header(FINGERPRINT_AT, &[1, 2, 3])),
        ("manifest: too long", "truncated", header(LENGTH_AT, &longer.to_le_bytes())),
        ("manifest: far too long", "too_long", header(LENGTH_AT, &[0xFF; 8])),
        ("manifest: too short", "trailing_bytes", header(LENGTH_AT, &shorter.to_le_bytes())),
        ("manifest: another checksum", "damaged", forge::flipped(manifest, 8 * HEADER_BYTES - 1)),
        ("manifest: a flipped bit", "damaged", forge::flipped(manifest, 8 * manifest.len() - 1)),
        ("manifest: no keys", "wrong_content_length", payload(0, &[0; 4])),
        ("manifest: one key more", "wrong_content_length", payload(0, &(count + 1).to_le_bytes())),
        ("manifest: endless keys", "too_long", payload(0, &[0xFF; 4])),
        ("manifest: another shape", "wrong_key_shape", payload(4, &[9])),
        ("manifest: a key of no length", "wrong_key_shape", payload(last_length, &[0; 8])),
        ("manifest: an endless key", "wrong_key_shape", payload(last_length, &[0xFF; 8])),
    ]
}

fn keys(world: &World) -> Vec<Bad> {
    let client = &world.client;
    let (manifest, key) = (client.frame(0), client.frame(1));
    let header = |at, bytes: &[u8]| forge::header(key, at, bytes);
    let payload = |at, bytes: &[u8]| forge::payload(key, at, bytes);
    let shorter = (key.len() - HEADER_BYTES - 1) as u64;
    let last = key.len() - HEADER_BYTES - 4;
    let middle = (key.len() - HEADER_BYTES) / 2;
    let mut picture = b"\xFF\xD8\xFF\xE0".to_vec();
    picture.resize(key.len(), 7);
    let bad = [
        ("a picture for a key", "not_blindsight", picture),
        ("a second manifest", "wrong_kind", [manifest, key].concat()[..key.len()].to_vec()),
        ("another key", "trailing_bytes", Vec::new()),
        ("key: version 256", "unsupported_version", header(VERSION_AT + 1, &[1])),
        ("key: of kind 0", "unknown_kind", header(KIND_AT, &[0])),
        ("key: a ciphertext", "wrong_kind", header(KIND_AT, &[1])),
        ("key: a secret key", "secret_key_refused", header(KIND_AT, &[6])),
        ("key: other parameters", "wrong_parameters", header(FINGERPRINT_AT + 31, &[0x5A])),
        ("key: beyond its frame", "truncated", header(LENGTH_AT, &(shorter + 2).to_le_bytes())),
        ("key: endless", "too_long", header(LENGTH_AT + 7, &[0x80])),
        (
            "key: shorter than its frame",
            "trailing_bytes",
            header(LENGTH_AT, &shorter.to_le_bytes()),
        ),
        ("key: a flipped bit", "damaged", forge::flipped(key, 8 * (key.len() / 3))),
        ("key: of another kind", "wrong_key", payload(0, &[payload_byte(key, 0) ^ 7])),
        ("key: of no kind", "wrong_key", payload(0, &[0xFF; 4])),
        ("key: of another level", "wrong_key", payload(7, &[payload_byte(key, 7) ^ 1])),
        (
            "key: a coefficient that is its modulus or more",
            "bad_coefficient",
            payload(last, &[0xFF; 4]),
        ),
        ("key: many such coefficients", "bad_coefficient", payload(middle, &[0xFF; 4096])),
    ];
    let with_manifest = |(name, code, bytes): Bad| (name, code, [manifest, &bytes].concat());
    let mut rows: Vec<Bad> = bad.into_iter().map(with_manifest).collect();
    // The largest key in place of the first: its first bytes, whose header tells of more.
    let longest = client.frames.iter().max_by_key(|frame| frame.len()).unwrap().clone();
    let other = &client.bundle[longest][..key.len()];
    let row = rows.iter_mut().find(|(name, ..)| *name == "another key").unwrap();
    (row.1, row.2) = ("truncated", [manifest, other].concat());
    rows
}

fn payload_byte(frame: &[u8], at: usize) -> u8 {
    frame[HEADER_BYTES + at]
}

/// A whole bundle that is sound, but not the announced one.
fn announced(world: &World, table: &mut Table) {
    let World { api, client, .. } = world;
    let base64 = |text: &str| STANDARD.encode(text);
    let (model, sha256) = (base64(MODEL), base64(&client::sha256_hex(b"other bytes")));
    let metadata = format!("model {model},sha256 {sha256}");
    let creation = api.creation(client.bundle.len()).without("Upload-Metadata");
    let created = api.send(&creation.header("Upload-Metadata", &metadata)).expect(201);
    let location = created.header("Location").unwrap();
    let upload = Holding {
        id: location.rsplit('/').next().unwrap().to_owned(),
        capability: created.header("Blindsight-Capability").unwrap().to_owned(),
    };
    let parts = client.bundle.chunks(PART).zip((0..).step_by(PART));
    let mut answers = parts.map(|(part, at)| api.send(&api.part(&upload, at, part)));
    let last = answers.by_ref().find(|answer| answer.status != 204).unwrap();
    assert!(answers.next().is_none(), "refused before its end");
    table.refusal((422, "sha256_mismatch"), "a bundle other than announced", last);
    let keys = api.request_of(&upload, "GET", &format!("/v1/keys/{}", upload.id));
    table.refused(api, (404, "not_found"), "keys of a refused bundle", &keys);
}
