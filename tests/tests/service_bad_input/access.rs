//! What is another's: nobody can tell it from what does not exist.

use blindsight_tests::api::{Holding, Job};
use blindsight_tests::http::Request;

use crate::table::Table;
use crate::world::World;

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub(crate) fn rows(world: &World, table: &mut Table, job: &Job) {
    let World { api, client, mine, other, .. } = world;
    let body = client.request("03-cat-0.png", 7);
    let part = &client.bundle[..100];
    let routes: [(&str, String); 9] = [
        ("HEAD", "/v1/uploads/KEYS".into()),
        ("PATCH", "/v1/uploads/KEYS".into()),
        ("DELETE", "/v1/uploads/KEYS".into()),
        ("GET", "/v1/keys/KEYS".into()),
        ("DELETE", "/v1/keys/KEYS".into()),
        ("POST", "/v1/keys/KEYS/jobs".into()),
        ("GET", "/v1/jobs/JOB".into()),
        ("GET", "/v1/jobs/JOB/events".into()),
        ("GET", "/v1/jobs/JOB/result".into()),
    ];
    let cancel = ("DELETE", "/v1/jobs/JOB".to_owned());

    let short = mine.capability[1..].to_owned();
    let longer = format!("{}=", mine.capability);
    // One bit of the last character is not a bit of the capability.
    let (start, last) = mine.capability.split_at(42);
    let loose = format!("{start}{}", char::from(last.as_bytes()[0] + 1));
    let quoted = format!("\"{}\"", mine.capability);
    let lower = mine.capability.to_lowercase();
    let capabilities = [
        ("another's capability", Some(other.capability.as_str())),
        ("a made-up capability", Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("no capability", None),
        ("an empty capability", Some("")),
        ("a shortened capability", Some(&short)),
        ("a lengthened capability", Some(&longer)),
        ("a capability with another end", Some(&loose)),
        ("a capability in quotes", Some(&quoted)),
        ("a capability in lower case", Some(&lower)),
        ("a capability of other letters", Some("ééééé")),
        ("the name for a capability", Some(&mine.id)),
    ];
    let send = |verb: &str, path: &str, capability: Option<&str>, keys: &str, job: &str| {
        let target = path.replace("KEYS", keys).replace("JOB", job);
        let mut request = api.request(verb, &target).header("Tus-Resumable", "1.0.0");
        if let Some(capability) = capability {
            request = request.header("Blindsight-Capability", capability);
        }
        api.send(&with_body(request, verb, part, &body))
    };
    for (verb, path) in routes.iter().chain([&cancel]) {
        // The answer where there is nothing: nobody could have made this name.
        let nothing = send(verb, path, Some(&mine.capability), NOBODY, NOBODY);
        for (name, capability) in capabilities {
            let name = format!("{verb} {path} with {name}");
            let answer = send(verb, path, capability, &mine.id, &job.id);
            if answer.body != nothing.body || answer.headers.len() != nothing.headers.len() {
                table.wrong(&name, &format!("can be told from nothing: {answer}, {nothing}"));
            }
            if *verb == "HEAD" {
                table.bare(404, &name, answer);
            } else {
                table.refusal((404, "not_found"), &name, answer);
            }
        }
    }
    known_by_its_content(world, table);

    // Nothing of all this had an effect.
    assert_eq!(api.keys(mine)["bytes"], client.bundle.len());
    assert_eq!(&api.job(mine, &job.id), job);
    assert_eq!(api.head(other).expect(200).number("Upload-Offset"), Some(0));
}

fn with_body<'a>(request: Request<'a>, verb: &str, part: &'a [u8], body: &'a [u8]) -> Request<'a> {
    match verb {
        "PATCH" => {
            request.header("Upload-Offset", "0").body("application/offset+octet-stream", part)
        }
        "POST" => request.body("application/octet-stream", body),
        _ => request,
    }
}

/// Who knows the SHA-256 of another's keys gets nothing by it, and does not learn that they exist.
fn known_by_its_content(world: &World, table: &mut Table) {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use blindsight_tests::{api::MODEL, client};

    let World { api, client, mine, other, .. } = world;
    let announce = |bundle: &[u8], holder: &Holding| {
        let sha256 = STANDARD.encode(client::sha256_hex(bundle));
        let metadata = format!("model {},sha256 {sha256}", STANDARD.encode(MODEL));
        let request = api.creation(client.bundle.len()).without("Upload-Metadata");
        let request = request.header("Upload-Metadata", &metadata);
        api.send(&request.header("Blindsight-Capability", &holder.capability))
    };
    let theirs = announce(&client.bundle, other);
    let nothing = announce(b"keys of nobody", other);
    for answer in [&theirs, &nothing] {
        assert_eq!(answer.number("Upload-Offset"), Some(0), "{answer}");
        assert_eq!(answer.header("Blindsight-Keys"), None);
    }
    let names = |headers: &[(String, String)]| {
        let mut names: Vec<String> = headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&theirs.headers), names(&nothing.headers));
    table.accepted(201, "announce the SHA-256 of another's keys", theirs);

    let known = announce(&client.bundle, mine);
    assert_eq!(known.header("Blindsight-Keys"), Some(mine.id.as_str()));
    table.accepted(201, "announce the SHA-256 of one's own keys", known);
}
