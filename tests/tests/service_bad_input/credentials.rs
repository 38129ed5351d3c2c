//! Those who show something that opens nothing: tokens, API keys and JWTs. (JWTs that are nearly right
//! are in the evaluator's own tests.)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blindsight_tests::http::Request;

use crate::table::Table;
use crate::world::{TOKEN, World};

pub(crate) fn rows(world: &World, table: &mut Table) {
    let World { api, client, mine, .. } = world;
    let unauthorized = (401, "unauthorized");
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = part(r#"{"sub":"acme","exp":9999999999}"#);
    let jwt =
        |header: &str, signature: &str| format!("Bearer {}.{claims}.{signature}", part(header));
    let signature = "A".repeat(86);
    let shown = [
        ("nothing", String::new()),
        ("a scheme alone", "Bearer".to_owned()),
        ("a scheme and a blank", "Bearer ".to_owned()),
        ("another scheme", format!("Basic {TOKEN}")),
        ("the token twice", format!("Bearer {TOKEN} {TOKEN}")),
        ("the token, cut", format!("Bearer {}", &TOKEN[1..])),
        ("the token, lengthened", format!("Bearer {TOKEN}x")),
        ("the token in capitals", format!("Bearer {}", TOKEN.to_uppercase())),
        ("an API key of nobody", format!("Bearer bsk_01234567_{}", "A".repeat(43))),
        ("an API key without its secret", "Bearer bsk_01234567_".to_owned()),
        ("an API key with SQL in it", "Bearer bsk_' OR '1'='1_x".to_owned()),
        ("an API key that is long", format!("Bearer bsk_01234567_{}", "A".repeat(4000))),
        ("a JWT of no algorithm", jwt(r#"{"alg":"none"}"#, "")),
        ("a JWT that nobody signed", jwt(r#"{"alg":"EdDSA"}"#, &signature)),
        ("a JWT of an unknown algorithm", jwt(r#"{"alg":"XS999"}"#, &signature)),
        ("a JWT whose key is its own", jwt(r#"{"alg":"EdDSA","jwk":{"kty":"OKP"}}"#, &signature)),
        ("a JWT whose key is elsewhere", jwt(r#"{"alg":"EdDSA","jku":"http://x/"}"#, &signature)),
        ("a JWT whose key is a file", jwt(r#"{"alg":"EdDSA","kid":"../tokens"}"#, &signature)),
        ("a JWT of dots", "Bearer ..".to_owned()),
        ("a JWT of many dots", format!("Bearer {}", ".".repeat(4000))),
        ("a JWT that is no JSON", format!("Bearer {}.{}.x", part("{"), part("["))),
    ];
    for (name, authorization) in &shown {
        let list = showing(api.request("GET", "/v1/models"), authorization);
        table.refused(api, unauthorized, &format!("list with {name}"), &list);
        // Whose capability it is does not matter.
        let body = client.request("03-cat-0.png", 3);
        let job = showing(api.submission(mine, &body), authorization);
        table.refused(api, unauthorized, &format!("a job with {name}"), &job);
    }
}

fn showing<'a>(request: Request<'a>, authorization: &str) -> Request<'a> {
    request.without("Authorization").header("Authorization", authorization)
}
