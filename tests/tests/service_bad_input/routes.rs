//! Paths and methods that do not exist.

use crate::table::Table;
use crate::world::World;

const ID: &str = "00000000-0000-4000-8000-000000000000";

pub(crate) fn rows(world: &World, table: &mut Table) {
    let World { api, mine, .. } = world;
    let missing = (404, "not_found");
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v2/models",
        "/v1/models/",
        "/v1//models",
        "//v1/models",
        "/V1/models",
        "/v1/models/resnet20-relu-cifar10",
        "/v1/keys",
        "/v1/keys/",
        "/v1/jobs",
        "/v1/./models",
        "/v1/x/../models",
        "/v1/%6dodels%00",
        "/v1/models%2f",
        "/v1/openapi",
        "/health",
        "/health/",
        "/metrics/",
    ] {
        table.refused(api, missing, path, &api.request_of(mine, "GET", path));
    }
    for id in [
        mine.id.to_uppercase(),
        format!("{{{}}}", mine.id),
        mine.id.replace('-', ""),
        format!("urn:uuid:{}", mine.id),
        format!("{}/", mine.id),
        format!("{}%00", mine.id),
        format!(" {}", mine.id).replace(' ', "%20"),
        format!("x/../{}", mine.id),
        "1".to_owned(),
        "-1".to_owned(),
        "%27%20OR%201=1%20--".to_owned(),
        "..%2f..%2fstate.sqlite".to_owned(),
        "x".repeat(5000),
    ] {
        let path = format!("/v1/keys/{id}");
        table.refused(api, missing, &path, &api.request_of(mine, "GET", &path));
    }

    let method = (405, "method_not_allowed");
    for (verb, path) in [
        ("POST", "/v1/models".to_owned()),
        ("DELETE", "/v1/models".to_owned()),
        ("GET", "/v1/uploads".to_owned()),
        ("PUT", "/v1/uploads".to_owned()),
        ("PATCH", "/v1/uploads".to_owned()),
        ("POST", format!("/v1/keys/{ID}")),
        ("PUT", format!("/v1/keys/{ID}")),
        ("GET", format!("/v1/keys/{ID}/jobs")),
        ("DELETE", format!("/v1/keys/{ID}/jobs")),
        ("POST", format!("/v1/jobs/{ID}")),
        ("POST", format!("/v1/jobs/{ID}/events")),
        ("PUT", format!("/v1/jobs/{ID}/result")),
        ("DELETE", format!("/v1/jobs/{ID}/result")),
        ("POST", "/v1/status".to_owned()),
        ("POST", "/health/live".to_owned()),
        ("DELETE", "/metrics".to_owned()),
        ("BREW", "/v1/models".to_owned()),
        ("Get", "/v1/models".to_owned()),
    ] {
        let name = format!("{verb} {path}");
        table.refused(api, method, &name, &api.request_of(mine, verb, &path));
    }

    let unauthorized = (401, "unauthorized");
    for path in ["/v1/models", "/v1/status", "/v1/openapi.json", "/metrics", "/v1/nothing"] {
        let request = api.request("GET", path).without("Authorization");
        table.refused(api, unauthorized, &format!("{path} without a token"), &request);
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""] {
            let request = api.request("GET", path).header("Host", host);
            table.refused(api, (421, "wrong_host"), &format!("{path} of {host:?}"), &request);
        }
    }
}
