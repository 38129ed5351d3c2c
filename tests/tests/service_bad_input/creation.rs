//! Uploads that do not begin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blindsight_tests::api::MODEL;

use crate::table::Table;
use crate::world::World;

pub(crate) fn rows(world: &World, table: &mut Table) {
    let World { api, client, .. } = world;
    let length = client.bundle.len();
    let good = || api.creation(length);
    let base64 = |text: &str| STANDARD.encode(text);

    let unauthorized = (401, "unauthorized");
    for (name, value) in [
        ("no token", None),
        ("another token", Some("Bearer token-of-the-tabl")),
        ("an empty token", Some("Bearer ")),
        ("a token of another scheme", Some("Basic token-of-the-table")),
        ("a token without a scheme", Some("token-of-the-table")),
    ] {
        let request = good().without("Authorization");
        let request = match value {
            Some(value) => request.header("Authorization", value),
            None => request,
        };
        table.refused(api, unauthorized, name, &request);
    }

    let version = (412, "wrong_tus_version");
    let request = good().without("Tus-Resumable");
    table.refused(api, version, "no tus version", &request);
    for other in ["0.2.2", "1.0.1", "1.0.0, 0.2.2", ""] {
        let name = format!("tus version {other:?}");
        table.refused(api, version, &name, &request.clone().header("Tus-Resumable", other));
    }

    let wrong = (400, "wrong_upload_length");
    let request = good().without("Upload-Length");
    table.refused(api, wrong, "no length", &request);
    let deferred = request.clone().header("Upload-Defer-Length", "1");
    table.refused(api, wrong, "a length that comes later", &deferred);
    let lengths = [
        ("zero", "0".to_owned()),
        ("one less", (length - 1).to_string()),
        ("one more", (length + 1).to_string()),
        ("a terabyte", (1_u64 << 40).to_string()),
        ("beyond 64 bits", "18446744073709551617".to_owned()),
        ("negative", format!("-{length}")),
        ("with a sign", format!("+{length}")),
        ("with a fraction", format!("{length}.0")),
        ("hexadecimal", format!("{length:#x}")),
        ("a word", "all".to_owned()),
    ];
    for (name, value) in lengths {
        let name = format!("length: {name}");
        table.refused(api, wrong, &name, &request.clone().header("Upload-Length", &value));
    }

    let wrong = (400, "bad_upload_metadata");
    let request = good().without("Upload-Metadata");
    table.refused(api, wrong, "no metadata", &request);
    let model = format!("model {}", base64(MODEL));
    for (name, value) in [
        ("empty", String::new()),
        ("no model", format!("filename {}", base64("a"))),
        ("a model that is not base64", format!("model {MODEL}!")),
        ("a model that is not UTF-8", format!("model {}", STANDARD.encode([0xFF, 0xFE]))),
        ("two models", format!("{model},{model}")),
        ("a short sha256", format!("{model},sha256 {}", base64("abcd"))),
        ("a sha256 with signs", format!("{model},sha256 {}", base64(&"+1".repeat(32)))),
        ("a sha256 that is not hexadecimal", format!("{model},sha256 {}", base64(&"g".repeat(64)))),
        ("a sha256 of letters with accents", format!("{model},sha256 {}", base64(&"é".repeat(32)))),
    ] {
        let name = format!("metadata: {name}");
        table.refused(api, wrong, &name, &request.clone().header("Upload-Metadata", &value));
    }

    let unknown = (404, "unknown_model");
    for (name, model) in [
        ("another", "resnet21".to_owned()),
        ("of no name", String::new()),
        ("a path", "../../etc/passwd".to_owned()),
        ("with control characters", "a\u{0}\r\nb\u{7f}".to_owned()),
        ("of a very long name", "x".repeat(20_000)),
    ] {
        let name = format!("model: {name}");
        let value = format!("model {}", base64(&model));
        table.refused(api, unknown, &name, &request.clone().header("Upload-Metadata", &value));
    }
}
