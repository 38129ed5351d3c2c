//! Everything that is not the API.

use std::fs;

use crate::server::Server;

#[test]
fn the_page_is_served_with_strict_headers() {
    let folder = std::env::temp_dir().join(format!("blindsight-page-{}", std::process::id()));
    fs::create_dir_all(folder.join("assets")).unwrap();
    fs::write(folder.join("index.html"), "<p>page</p>".repeat(100)).unwrap();
    fs::write(folder.join("assets/x-12.wasm"), "\0asm").unwrap();
    let server = Server::start(|config| config.web = Some(folder.clone()));
    let page = server.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let lower = page.to_lowercase();
    for part in [
        "http/1.1 200",
        "content-type: text/html; charset=utf-8",
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
         connect-src 'self'",
        "frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-cache",
        "<p>page</p>",
    ] {
        assert!(lower.contains(part), "{part}: {page}");
    }
    let wasm = server.raw(b"GET /assets/x-12.wasm HTTP/1.0\r\n\r\n");
    assert!(wasm.contains("application/wasm") && wasm.contains("immutable"), "{wasm}");
    let zipped = server.raw(b"GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    assert!(zipped.contains("content-encoding: gzip"), "{zipped}");
    let etag = page.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let again = server.raw(format!("GET / HTTP/1.0\r\nIf-None-Match: {etag}\r\n\r\n").as_bytes());
    assert!(again.starts_with("HTTP/1.0 304"), "{again}");

    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/Cargo.toml",
        "/assets/../../etc/passwd",
        "//etc/passwd",
        "/assets//x-12.wasm",
        "/index.html%00",
        "/index.html/",
        "/.git/config",
        "/v2/models",
        "/v1",
        "/v1/",
        "/v1/nothing",
    ] {
        let answer = server.raw(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
        assert!(answer.contains(" 404 ") || answer.contains(" 400 "), "{path}: {answer}");
    }
    let posted = server.raw(b"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    assert!(posted.contains(" 405 "), "{posted}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn health_metrics_and_description() {
    let server = Server::start(|_| {});
    assert_eq!(server.send("GET", "/health/live", &[], &[]).text(), "live\n");
    let named = server.send("GET", "/health/ready", &[("X-Request-Id", "my-id_1")], &[]);
    assert_eq!(named.header("x-request-id").as_deref(), Some("my-id_1"));
    let strange = server.send("GET", "/health/ready", &[("X-Request-Id", "a b\"c")], &[]);
    assert_eq!(strange.header("x-request-id").unwrap().len(), 36);
    let models = server.send("GET", "/v1/models", &[], &[]).json();
    assert_eq!(models["models"][0]["id"], "fake");
    let status = server.send("GET", "/v1/status", &[], &[]).json();
    assert!(status["peak_rss_bytes"].as_u64().unwrap() > 0);
    let metrics = server.send("GET", "/metrics", &[], &[]).text();
    let line = "blindsight_requests_total{method=\"GET\",route=\"/v1/models\",status=\"200\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    let described = server.send("GET", "/v1/openapi.json", &[], &[]).json();
    assert!(described["paths"]["/v1/jobs/{id}/events"]["get"].is_object());
    assert_eq!(server.send("HEAD", "/health/ready", &[], &[]).status, 200);
}

#[test]
fn other_methods_are_refused_and_the_possible_ones_named() {
    let server = Server::start(|_| {});
    for (method, path, allowed) in [
        ("PUT", "/v1/models", "GET"),
        ("GET", "/v1/uploads", "OPTIONS, POST"),
        ("BREW", "/v1/keys/x", "GET, DELETE"),
        ("POST", "/health/live", "GET, HEAD"),
    ] {
        let answer = server.send(method, path, &[], &[]);
        assert_eq!(answer.refusal(), (405, "method_not_allowed".to_owned()));
        assert_eq!(answer.header("allow").as_deref(), Some(allowed), "{method} {path}");
    }
}
