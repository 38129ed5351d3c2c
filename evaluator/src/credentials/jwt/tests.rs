use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use ring::{hmac, rand};
use serde_json::{Value, json};

use super::*;
use crate::testing::TempFolder;
use crate::time::Timestamp;

/// A file of keys, and the settings that name it.
struct File {
    folder: TempFolder,
    config: Config,
}

impl File {
    fn new(text: &str) -> Self {
        let folder = TempFolder::new();
        let path = folder.path().join("keys");
        std::fs::write(&path, text).unwrap();
        Self { folder, config: Config { jwt_keys: Some(path), ..Config::default() } }
    }

    fn jwt(&self) -> Jwt {
        Jwt::new(&self.config).unwrap().unwrap()
    }

    fn write(&self, text: &str) {
        std::fs::write(self.folder.path().join("keys"), text).unwrap();
    }
}

fn ed25519(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// A public key in PEM: what stands before the key in its DER, and the key.
fn pem(start: &str, key: &[u8]) -> String {
    let der = [&hex_bytes(start)[..], key].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

fn hex_bytes(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn ed25519_pem(key: &Ed25519KeyPair) -> String {
    pem("302a300506032b6570032100", key.public_key().as_ref())
}

fn now() -> i64 {
    Timestamp::now().0 / 1000
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn signed(key: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    let message = unsigned(header, claims);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn usual(claims: &Value) -> String {
    signed(&ed25519(1), &json!({"alg": "EdDSA"}), claims)
}

#[test]
fn a_jwt_names_its_tenant() {
    let file = File::new(&ed25519_pem(&ed25519(1)));
    let token = usual(&json!({"sub": "acme", "team": "red", "exp": now() + 60}));
    assert!(has_form(&token));
    assert_eq!(file.jwt().tenant(&token), Ok("acme".to_owned()));
    let config = Config { jwt_tenant_claim: "team".to_owned(), ..file.config.clone() };
    let jwt = Jwt::new(&config).unwrap().unwrap();
    assert_eq!(jwt.tenant(&token), Ok("red".to_owned()));
    for claims in [json!({"sub": "a", "exp": now() + 60}), json!({"team": 5, "exp": now() + 60})] {
        assert_eq!(jwt.tenant(&usual(&claims)), Err(JwtError::Claim("\"team\"".to_owned())));
    }
}

#[test]
fn times_count_with_a_minute_between_clocks() {
    let jwt = File::new(&ed25519_pem(&ed25519(1))).jwt();
    let check = |claims: Value| jwt.tenant(&usual(&claims)).map(|_| ());
    assert_eq!(check(json!({"sub": "a", "exp": now() - 50})), Ok(()));
    assert_eq!(check(json!({"sub": "a", "exp": now() - 70})), Err(JwtError::Expired));
    assert_eq!(check(json!({"sub": "a", "exp": 0})), Err(JwtError::Expired));
    let later = |nbf: i64| json!({"sub": "a", "exp": now() + 600, "nbf": now() + nbf});
    assert_eq!(check(later(50)), Ok(()));
    assert_eq!(check(later(70)), Err(JwtError::NotYetValid));
    let lacks = |claim: &str| Err(JwtError::Claim(format!("{claim:?}")));
    assert_eq!(check(json!({"sub": "a"})), lacks("exp"));
    assert_eq!(check(json!({"sub": "a", "exp": "never"})), lacks("exp"));
    let malformed = json!({"sub": "a", "exp": now() + 60, "nbf": "tomorrow"});
    assert_eq!(check(malformed), lacks("nbf"));
}

#[test]
fn audience_and_issuer_count_where_they_are_set() {
    let file = File::new(&ed25519_pem(&ed25519(1)));
    let exp = now() + 60;
    let other = usual(&json!({"sub": "a", "exp": exp, "aud": "other", "iss": "other"}));
    assert!(file.jwt().tenant(&other).is_ok());
    let config = Config {
        jwt_audience: Some("blindsight".to_owned()),
        jwt_issuer: Some("https://a.example".to_owned()),
        ..file.config.clone()
    };
    let jwt = Jwt::new(&config).unwrap().unwrap();
    let check = |aud: Value, iss: Value| {
        jwt.tenant(&usual(&json!({"sub": "a", "exp": exp, "aud": aud, "iss": iss}))).map(|_| ())
    };
    let (right, issuer) = (json!("blindsight"), json!("https://a.example"));
    assert_eq!(check(right.clone(), issuer.clone()), Ok(()));
    assert_eq!(check(json!(["x", "blindsight"]), issuer.clone()), Ok(()));
    for wrong in [json!("other"), json!(["other"])] {
        assert_eq!(check(wrong, issuer.clone()), Err(JwtError::Audience));
    }
    for wrong in [json!(null), json!(5), json!({})] {
        assert!(check(wrong.clone(), issuer.clone()).is_err(), "{wrong}");
        assert!(check(right.clone(), wrong.clone()).is_err(), "{wrong}");
    }
    assert_eq!(check(right, json!("https://b.example")), Err(JwtError::Issuer));
    assert!(jwt.tenant(&usual(&json!({"sub": "a", "exp": exp}))).is_err());
}

#[test]
fn the_key_says_which_algorithm_counts() {
    let key = ed25519(1);
    let public = ed25519_pem(&key);
    let jwt = File::new(&public).jwt();
    let claims = json!({"sub": "a", "exp": now() + 60});
    // Nothing signed at all.
    for none in ["none", "None", ""] {
        let message = unsigned(&json!({"alg": none}), &claims);
        for token in [format!("{message}."), usual(&claims).replace(&usual(&claims), &message)] {
            assert!(jwt.tenant(&token).is_err(), "{token}");
        }
    }
    // The public key, as it stands in the file and as it is, for a shared secret.
    for secret in [public.as_bytes(), key.public_key().as_ref()] {
        for (name, algorithm) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512)] {
            let message = unsigned(&json!({"alg": name}), &claims);
            let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
            assert_eq!(jwt.tenant(&token), Err(JwtError::Signature));
        }
    }
    // A right signature under another name.
    for name in ["RS256", "ES256", "ES384", "PS256"] {
        let token = signed(&key, &json!({"alg": name}), &claims);
        assert_eq!(jwt.tenant(&token), Err(JwtError::Signature), "{name}");
    }
    // Keys that the token brings along.
    let x = URL_SAFE_NO_PAD.encode(ed25519(2).public_key());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    let token = signed(&ed25519(2), &json!({"alg": "EdDSA", "jwk": jwk}), &claims);
    assert_eq!(jwt.tenant(&token), Err(JwtError::Signature));
    let token = signed(&key, &json!({"alg": "EdDSA", "crit": ["exp"]}), &claims);
    assert_eq!(jwt.tenant(&token), Err(JwtError::Malformed));
}

#[test]
fn what_is_changed_or_malformed_is_refused() {
    let jwt = File::new(&ed25519_pem(&ed25519(1))).jwt();
    let token = usual(&json!({"sub": "acme", "exp": now() + 60}));
    assert!(jwt.tenant(&token).is_ok());
    let other = usual(&json!({"sub": "evil", "exp": now() + 60}));
    let parts: Vec<&str> = token.split('.').collect();
    let stolen = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
    assert_eq!(jwt.tenant(&stolen), Err(JwtError::Signature));
    for index in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(jwt.tenant(&changed).is_err(), "{index}: {changed}");
        assert!(jwt.tenant(&token[..index]).is_err(), "{index}");
    }
    for wrong in ["", ".", "..", "a.b.c", "e30.e30.", "{}.{}.{}", "a.b.c.d"] {
        assert!(jwt.tenant(wrong).is_err(), "{wrong}");
    }
    assert!(!has_form("a.b") && !has_form("a.b.c.d") && !has_form("a b.c.d") && !has_form("x"));
}

#[test]
fn rsa_and_p256_sign_too() {
    let token = include_str!("tests/rsa.jwt").trim();
    for keys in [include_str!("tests/rsa.pem"), include_str!("tests/rsa.jwks.json")] {
        assert_eq!(File::new(keys).jwt().tenant(token), Ok("acme".to_owned()));
    }
    let changed = format!("{}AAAA", &token[..token.len() - 4]);
    let jwt = File::new(include_str!("tests/rsa.pem")).jwt();
    assert_eq!(jwt.tenant(&changed), Err(JwtError::Signature));

    let random = rand::SystemRandom::new();
    let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(curve, pkcs8.as_ref(), &random).unwrap();
    let public = key.public_key().as_ref();
    let message = unsigned(&json!({"alg": "ES256"}), &json!({"sub": "acme", "exp": now() + 60}));
    let signature = key.sign(&random, message.as_bytes()).unwrap();
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let [x, y] = [&public[1..33], &public[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
    let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": x, "y": y}]}).to_string();
    let pem = pem("3059301306072a8648ce3d020106082a8648ce3d030107034200", public);
    for keys in [pem, jwks] {
        assert_eq!(File::new(&keys).jwt().tenant(&token), Ok("acme".to_owned()));
    }
}

#[test]
fn keys_have_names_and_are_read_again() {
    let jwk = |seed: u8, id: &str, more: Value| {
        let x = URL_SAFE_NO_PAD.encode(ed25519(seed).public_key());
        let mut jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": id});
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        jwk
    };
    let set = json!({"keys": [
        jwk(1, "one", json!({})),
        jwk(2, "two", json!({"use": "sig", "alg": "EdDSA"})),
        jwk(3, "three", json!({"use": "enc"})),
        jwk(4, "four", json!({"alg": "RS256"})),
        {"kty": "oct", "kid": "five", "k": "c2VjcmV0"},
    ]});
    let file = File::new(&set.to_string());
    let jwt = file.jwt();
    let claims = json!({"sub": "a", "exp": now() + 60});
    let by = |seed, header: Value| jwt.tenant(&signed(&ed25519(seed), &header, &claims)).is_ok();
    assert!(by(2, json!({"alg": "EdDSA", "kid": "two"})) && by(2, json!({"alg": "EdDSA"})));
    assert!(!by(2, json!({"alg": "EdDSA", "kid": "one"})), "another name");
    assert!(!by(3, json!({"alg": "EdDSA", "kid": "three"})), "not for signatures");
    assert!(!by(4, json!({"alg": "EdDSA", "kid": "four"})), "for another algorithm");

    let passed = || {
        let mut read = jwt.keys.lock().unwrap();
        read.looked_at = read.looked_at.checked_sub(PAUSE).unwrap();
    };
    file.write("nonsense");
    passed();
    assert!(by(1, json!({"alg": "EdDSA"})), "a file that cannot be used changes nothing");
    file.write(&ed25519_pem(&ed25519(9)));
    passed();
    assert!(!by(1, json!({"alg": "EdDSA"})) && by(9, json!({"alg": "EdDSA"})));
}

#[test]
fn a_file_that_cannot_be_used_is_refused_at_the_start() {
    let file = File::new("nonsense");
    assert!(matches!(Jwt::new(&file.config), Err(JwtKeysError::Keys { .. })));
    let config = Config { jwt_keys: Some("missing.pem".into()), ..Config::default() };
    assert!(matches!(Jwt::new(&config), Err(JwtKeysError::File { .. })));
    assert!(Jwt::new(&Config::default()).unwrap().is_none());
}
