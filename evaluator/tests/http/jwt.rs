//! JSON Web Tokens of an issuer that the service knows.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use blindsight_evaluator::config::Config;
use blindsight_evaluator::time::Timestamp;
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::server::Server;

fn issuer(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public() -> String {
    let start = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let der = [&start[..], issuer(1).public_key().as_ref()].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// A service that knows the issuer, and asks for its own name as the audience.
fn server(settings: impl FnOnce(&mut Config)) -> Server {
    Server::start(|config| {
        let file = config.data.join("issuer.pem");
        std::fs::write(&file, public()).unwrap();
        config.jwt_keys = Some(file);
        config.jwt_audience = Some("blindsight".to_owned());
        settings(config);
    })
}

fn claims(more: &Value) -> Value {
    let exp = Timestamp::now().0 / 1000 + 300;
    let mut claims = json!({"sub": "acme", "aud": "blindsight", "exp": exp});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

fn message(algorithm: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(&json!({"alg": algorithm, "typ": "JWT"})), part(claims))
}

fn signed(seed: u8, claims: &Value) -> String {
    let message = message("EdDSA", claims);
    let signature = URL_SAFE_NO_PAD.encode(issuer(seed).sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn ask(server: &Server, token: &str) -> (u16, String) {
    let authorization = format!("Bearer {token}");
    let answer = server.send("GET", "/v1/models", &[("Authorization", &authorization)], &[]);
    (answer.status, answer.text())
}

#[test]
fn a_jwt_of_the_issuer_opens_the_service() {
    let server = server(|config| config.uploads_per_caller = 1);
    let create = |more: Value| {
        let authorization = format!("Bearer {}", signed(1, &claims(&more)));
        server.create(&[("Authorization", &authorization)]).status
    };
    assert_eq!(create(json!({})), 201);
    // Another JWT of the same tenant is the same caller, one of another is not.
    assert_eq!(create(json!({"jti": "another"})), 429);
    assert_eq!(create(json!({"sub": "other"})), 201);
}

#[test]
fn bad_jwts_open_nothing() {
    let server = server(|_| {});
    let now = Timestamp::now().0 / 1000;
    let right = signed(1, &claims(&json!({})));
    assert_eq!(ask(&server, &right).0, 200);
    let hmac_of = |secret: &[u8]| {
        let message = message("HS256", &claims(&json!({})));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
        format!("{message}.{tag}")
    };
    let named = |more: Value| signed(1, &claims(&more));
    let bad = [
        ("none", format!("{}.", message("none", &claims(&json!({}))))),
        ("none, with a signature", {
            let signature = right.rsplit('.').next().unwrap();
            format!("{}.{signature}", message("none", &claims(&json!({}))))
        }),
        ("HMAC with the public key", hmac_of(public().as_bytes())),
        ("HMAC with its bytes", hmac_of(issuer(1).public_key().as_ref())),
        ("another issuer", signed(2, &claims(&json!({})))),
        ("expired", named(json!({"exp": now - 120}))),
        ("never expires", named(json!({"exp": null}))),
        ("another audience", named(json!({"aud": "other"}))),
        ("no audience", named(json!({"aud": null}))),
        ("not yet valid", named(json!({"nbf": now + 120}))),
        ("no tenant", named(json!({"sub": null}))),
        ("an impossible tenant", named(json!({"sub": "a b"}))),
        ("cut", right[..right.len() - 2].to_owned()),
        ("garbage", "a.b.c".to_owned()),
        ("more garbage", "!.!.!".to_owned()),
        ("too long", named(json!({"more": "x".repeat(9000)}))),
    ];
    for (what, token) in &bad {
        let (status, text) = ask(&server, token);
        assert_eq!(status, 401, "{what}: {text}");
        assert!(text.contains("\"unauthorized\""), "{what}: {text}");
    }
    let (_, text) = ask(&server, &bad[5].1);
    assert!(text.contains("has expired"), "{text}");
    assert_eq!(ask(&server, &right).0, 200);
}

#[test]
fn keys_that_change_count_within_seconds() {
    let server = server(|_| {});
    let token = signed(1, &claims(&json!({})));
    assert_eq!(ask(&server, &token).0, 200);
    let file = server.service.config.jwt_keys.clone().unwrap();
    let x = URL_SAFE_NO_PAD.encode(issuer(2).public_key());
    let jwks = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]});
    std::fs::write(file, jwks.to_string()).unwrap();
    let mut number = 0;
    server.wait(|| {
        number += 1;
        let token = signed(2, &claims(&json!({"jti": number})));
        (ask(&server, &token).0 == 200).then_some(())
    });
    server.wait(|| (ask(&server, &token).0 == 401).then_some(()));
}
