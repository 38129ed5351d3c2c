//! A service that cannot start says why, and ends.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use blindsight_tests::evaluator::{Evaluator, START, serve};
use blindsight_tests::poll;
use tempfile::TempDir;

/// What the evaluator says when it ends, which it must do by itself and in failure.
fn last_words(data: &Path, flags: &[&str]) -> String {
    let mut child = serve(data, flags).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    let status =
        poll("the end of a service that cannot start", START, || child.try_wait().unwrap());
    assert!(!status.success(), "{flags:?}");
    let text = reader.join().unwrap().unwrap();
    text.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn says_why_it_cannot_start() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let file = folder.path().join("file");
    std::fs::write(&file, "queu = 5").unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "two words").unwrap();
    let data = folder.path().join("data");
    for (flags, cause) in [
        (["--listen", &taken], "cannot listen on 127.0.0.1:"),
        (["--web", "no/such/page"], "no/such/page"),
        (["--models", "no/such/models"], "no/such/models"),
        (["--models", "samples"], "samples"),
        (["--config", "no/such/file"], "no/such/file"),
        (["--config", file.to_str().unwrap()], "unknown field `queu`"),
        (["--blobs", "ftp://elsewhere"], "ftp://elsewhere"),
        (["--blobs", "s3://"], "names no bucket"),
        (["--token-file", tokens.to_str().unwrap()], "a token must have 16"),
        (["--token", "a-token-that-ps-would-show"], "try '--help'"),
        (["--listen", "0.0.0.0:0"], "there is no token"),
        (["--log", "]["], "filter"),
    ] {
        let words = last_words(&data, &flags);
        assert!(words.contains(cause), "{flags:?}: {words}");
    }
    let words = last_words(&file, &[]);
    assert!(words.contains("data folder") && words.contains("file"), "{words}");
    let running = Evaluator::start(&data, &[]);
    let words = last_words(&data, &[]);
    assert!(words.contains("another evaluator uses"), "{words}");
    running.kill();
}
