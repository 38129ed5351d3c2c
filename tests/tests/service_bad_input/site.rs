//! Ways out of the page's folder.

use blindsight_tests::http::Request;

use crate::table::Table;
use crate::world::{SECRET, World};

pub(crate) fn rows(world: &World, table: &mut Table) {
    let api = &world.api;
    let page = api.send(&Request::new("GET", "/")).expect(200);
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "webrtc 'block'",
        "require-trusted-types-for 'script'",
        "trusted-types blindsight-worker",
    ] {
        assert!(policy.split(';').any(|given| given.trim() == part), "{part} is not in {policy}");
    }
    api.send(&Request::new("GET", "/assets/page.js")).expect(200);

    let missing = (404, "not_found");
    for path in [
        "/missing.html",
        "/secret.txt",
        "/../secret.txt",
        "/../../../../../../etc/passwd",
        "/assets/../../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/.%2e/secret.txt",
        "/%252e%252e/secret.txt",
        "/..%c0%afsecret.txt",
        "/..;/secret.txt",
        "/..\\secret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/%00",
        "/index.html%00",
        "/index.html%00.js",
        "/secret.txt%00index.html",
        "//index.html",
        "//etc/passwd",
        "/assets//page.js",
        "/./index.html",
        "/assets/../index.html",
        "/index.html/",
        "/index.html/..",
        "/assets",
        "/assets/",
        "/.hidden",
        "/%2ehidden",
        "/link.txt",
        "/folder/secret.txt",
        "/folder/data/state.sqlite",
        "/%ff%fe",
        "/%",
        "/%zz",
        "/proc/self/environ",
        "/INDEX.HTML",
        "/index.html~",
    ] {
        table.refused(api, missing, path, &Request::new("GET", path));
    }
    let long = format!("/{}", "a/".repeat(10_000));
    table.refused(api, missing, "a very long path", &Request::new("GET", &long));

    let method = (405, "method_not_allowed");
    for verb in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"] {
        table.refused(api, method, &format!("{verb} on the page"), &Request::new(verb, "/"));
    }

    // Whatever stands after a question mark chooses no file.
    let query = api.send(&Request::new("GET", "/?file=../secret.txt"));
    assert!(query.body == page.body && !query.body.ends_with(SECRET.as_bytes()));
    table.accepted(200, "a path in the query", query);
    let absolute = api.send(&Request::new("GET", "http://elsewhere.example/"));
    table.refusal((421, "wrong_host"), "another host in the target", absolute);
    for range in ["bytes=0-", "bytes=5-1", "bytes=99999-", "bytes=0-0,1-1,2-2", "lines=1"] {
        let answer = api.send(&Request::new("GET", "/").header("Range", range));
        table.accepted(200, &format!("range {range}"), answer);
    }
}
