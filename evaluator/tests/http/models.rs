//! Several models: the list, contracts, a folder that changes, memory.

use sha2::{Digest as _, Sha256};

use crate::fake::{Behaviour, SHARED_BYTES, Spec, answer, request};
use crate::server::{Answer, Keys, Server};

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Three models with the same keys.
fn three() -> [(&'static str, Spec); 3] {
    let spec = |id: &str, mark| Spec { id: id.to_owned(), mark: Some(mark), ..Spec::fake() };
    [("a.bs", spec("one", 1)), ("b.bs", spec("two", 2)), ("c.bs", spec("three", 3))]
}

fn list(server: &Server) -> serde_json::Value {
    server.send("GET", "/v1/models", &[], &[]).json()
}

fn ids(server: &Server) -> Vec<String> {
    let list = list(server);
    let models = list["models"].as_array().unwrap().iter();
    models.map(|model| model["id"].as_str().unwrap().to_owned()).collect()
}

fn contract(server: &Server, id: &str, tag: Option<&str>) -> Answer {
    let headers: Vec<_> = tag.map(|tag| ("If-None-Match", tag)).into_iter().collect();
    server.send("GET", &format!("/v1/models/{id}/contract"), &headers, &[])
}

/// The value of a metric, 0 if it is not there.
fn metric(server: &Server, name: &str) -> u64 {
    let text = server.send("GET", "/metrics", &[], &[]).text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("blindsight_{name} ")));
    line.map_or(0, |value| value.parse().unwrap())
}

/// Runs a model and returns the end of its answer.
fn run(server: &Server, keys: &Keys, model: &str) -> u8 {
    let body = request(0, Behaviour::Works);
    let submitted = server.submit_to(keys, &format!("?model={model}"), &body, &[]);
    assert_eq!(submitted.status, 202, "{}", submitted.text());
    let job = submitted.header("location").unwrap();
    let ended = server.end(keys, &job);
    assert_eq!((&ended["state"], &ended["model"]), (&"done".into(), &model.into()), "{ended}");
    let result = server.get(&format!("{job}/result"), &keys.capability).body;
    let (&mark, rest) = result.split_last().unwrap();
    assert_eq!(rest, answer(&body));
    mark
}

fn keys_of(server: &Server, model: &str) -> Keys {
    let bytes = Spec::fake().bundle(|_| true, 1);
    server.keys_beside((model, ""), &bytes, None)
}

#[test]
fn all_models_of_the_folder_are_served() {
    let server = Server::start_serving(&three(), |config| {
        config.default_model = Some("two".to_owned());
    });
    assert_eq!(ids(&server), ["two", "one", "three"]);
    let list = list(&server);
    assert_eq!((&list["api"], &list["broken"]), (&"2".into(), &serde_json::json!([])));
    let one = &list["models"][1];
    let bundle = Spec::fake().bundle(|_| true, 1).len();
    assert_eq!((&one["keys"]["count"], &one["keys"]["bytes"]), (&3.into(), &bundle.into()));
    assert_eq!(one["forecast_seconds"], 1.5);
    // Keys belong to no model: one key set serves all that have the same list.
    assert_eq!(one["keys"]["list"], list["models"][2]["keys"]["list"]);
    let keys = keys_of(&server, "one");
    assert_eq!(["one", "two", "three"].map(|model| run(&server, &keys, model)), [1, 2, 3]);
    let stored = server.get(&format!("/v1/keys/{}", keys.id), &keys.capability).json();
    for field in ["list", "count", "bytes"] {
        assert_eq!(stored[field], one["keys"][field]);
    }
    assert_eq!(stored["scheme"], one["scheme"]);
    let ended = "jobs_ended_total{model=\"two\",state=\"done\"}";
    assert_eq!((metric(&server, ended), metric(&server, "models")), (1, 3));
    assert_eq!(metric(&server, "evaluate_seconds_count{model=\"three\"}"), 1);
}

#[test]
fn contracts_are_handed_out_as_they_are() {
    let server = Server::start_serving(&three(), |_| {});
    let first = contract(&server, "one", None);
    assert_eq!(first.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(first.header("cache-control").as_deref(), Some("no-cache"));
    let sha256: String = Sha256::digest(&first.body).iter().map(|b| format!("{b:02x}")).collect();
    let listed = &list(&server)["models"][0]["contract"];
    assert_eq!(listed["sha256"], sha256.as_str());
    assert_eq!(listed["bytes"], first.body.len());
    let tag = format!("\"{sha256}\"");
    assert_eq!(first.header("etag").as_ref(), Some(&tag));
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = contract(&server, "one", Some(&known));
        assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
        assert_eq!(again.header("etag").as_ref(), Some(&tag));
    }
    for other in ["\"x\"", "", ",,", &sha256] {
        assert_eq!(contract(&server, "one", Some(other)).status, 200, "{other}");
    }
    for nobody in ["four", "ONE", "one%00", "%2e%2e", "%ff", "a.bs"] {
        assert_eq!(contract(&server, nobody, None).refusal(), refused(404, "unknown_model"));
    }
}

#[test]
fn broken_files_do_not_stop_the_others() {
    let mut models = three().to_vec();
    models.push(("d.bs", Spec::new("one", &[(1, 1)])));
    models.push(("e.bs", Spec::new("Not an id", &[])));
    let server = Server::start_serving(&models, |config| {
        std::fs::write(config.models.join("0.bs"), b"nonsense").unwrap();
        std::fs::write(config.models.join("notes.txt"), b"nonsense").unwrap();
        std::fs::create_dir(config.models.join("folder.bs")).unwrap();
    });
    assert_eq!(ids(&server), ["one", "two", "three"]);
    let list = list(&server);
    let broken: Vec<(&str, &str)> = (list["broken"].as_array().unwrap().iter())
        .map(|b| (b["file"].as_str().unwrap(), b["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(
        broken,
        [
            ("0.bs", "This is no compiled model."),
            ("d.bs", "a.bs has a model of the same name, one."),
            ("e.bs", "The model's id must be 1 to 64 of a-z, 0-9, '.', '_' and '-'."),
            ("folder.bs", "This is no file that can be read."),
        ]
    );
    assert_eq!(metric(&server, "models_broken"), 4);
}

#[test]
fn without_any_model_there_is_no_service() {
    use blindsight_evaluator::config::Config;
    use blindsight_evaluator::service::Service;

    let data = std::env::temp_dir().join(format!("blindsight-none-{}", std::process::id()));
    let config = Config { models: data.join("models"), data: data.clone(), ..Config::default() };
    let refusal = || {
        let opened = Service::open(config.clone(), crate::fake::reader());
        opened.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(refusal().contains("--models names another"), "{}", refusal());
    std::fs::create_dir_all(&config.models).unwrap();
    assert!(refusal().starts_with("no model can be served"), "{}", refusal());
    std::fs::write(config.models.join("x.bs"), b"nonsense").unwrap();
    assert!(refusal().contains("x.bs: This is no compiled model."), "{}", refusal());
    std::fs::remove_dir_all(&data).unwrap();
}

#[test]
fn the_folder_may_change_while_the_service_runs() {
    let models = three();
    let server = Server::start_serving(&models[..1], |_| {});
    let folder = server.service.config.models.clone();
    let keys = keys_of(&server, "one");
    models[1].1.write(&folder, models[1].0);
    server.wait(|| (ids(&server) == ["one", "two"]).then_some(()));
    assert_eq!([run(&server, &keys, "two"), run(&server, &keys, "one")], [2, 1]);

    // A run goes on with the model it began with; the next one has the new one.
    let slow = server.submit_to(&keys, "?model=one", &request(250, Behaviour::Works), &[]);
    let slow = slow.header("location").unwrap();
    server.runs(&keys, &slow);
    let before = list(&server)["models"][0].clone();
    Spec { mark: Some(9), loaded_bytes: 777, ..models[0].1.clone() }.write(&folder, "a.bs");
    let bytes = "model_bytes{model=\"one\"}";
    server.wait(|| (run(&server, &keys, "one") == 9).then_some(()));
    let result = server.get(&format!("{slow}/result"), &keys.capability).body;
    assert_eq!(result.last(), Some(&1));
    // The contract is the same, and the old version has left memory.
    assert_eq!(list(&server)["models"][0], before);
    assert_eq!(metric(&server, bytes), 777);

    // With another contract, what waited for the old one is not run on the new one.
    let running = server.submit_to(&keys, "?model=two", &request(250, Behaviour::Works), &[]);
    let waiting = server.submit_to(&keys, "?model=one", &request(0, Behaviour::Works), &[]);
    let title = "Another".to_owned();
    Spec { title, ..models[0].1.clone() }.write(&folder, "a.bs");
    std::fs::remove_file(folder.join("b.bs")).unwrap();
    server.wait(|| (ids(&server) == ["one"]).then_some(()));
    server.wait(|| (list(&server)["models"][0]["title"] == "Another").then_some(()));
    assert_eq!(server.end(&keys, &running.header("location").unwrap())["state"], "done");
    let ended = server.end(&keys, &waiting.header("location").unwrap());
    if ended["state"] != "done" {
        assert_eq!(
            (&ended["state"], &ended["error"]["code"]),
            (&"failed".into(), &"unknown_model".into())
        );
    }
    let gone = server.submit_to(&keys, "?model=two", &request(0, Behaviour::Works), &[]);
    assert_eq!(gone.refusal(), refused(404, "unknown_model"));
    assert_eq!(metric(&server, "model_bytes{model=\"two\"}"), 0);

    // Jobs of before are still there to look at.
    let old = server.get(&slow, &keys.capability).json();
    assert_eq!((&old["state"], &old["step"]), (&"done".into(), &old["steps"]));

    // Without the folder everything stays as it is; a file that breaks leaves the list.
    std::fs::write(folder.join("a.bs"), b"nonsense").unwrap();
    server.wait(|| ids(&server).is_empty().then_some(()));
    assert_eq!(list(&server)["broken"][0]["file"], "a.bs");
}

#[test]
fn models_make_room_for_each_other() {
    let models = three().map(|(file, spec)| (file, Spec { loaded_bytes: 10_000, ..spec }));
    let server = Server::start_serving(&models, |config| {
        config.model_memory = 25_000;
        config.preload = vec!["none".to_owned()];
    });
    let keys = keys_of(&server, "one");
    let loaded = |server: &Server| metric(server, "models_loaded_bytes");
    let loads = |model: &str| metric(&server, &format!("model_loads_total{{model=\"{model}\"}}"));
    assert_eq!((loaded(&server), loads("one")), (0, 0));
    run(&server, &keys, "one");
    run(&server, &keys, "two");
    // What models share counts once.
    assert_eq!(loaded(&server), 20_000 + SHARED_BYTES);
    run(&server, &keys, "one");
    run(&server, &keys, "three");
    assert_eq!(loaded(&server), 20_000 + SHARED_BYTES);
    assert_eq!(["one", "two", "three"].map(loads), [1, 1, 1]);
    assert_eq!(metric(&server, "model_evictions_total{model=\"two\"}"), 1);
    run(&server, &keys, "two");
    assert_eq!(["one", "two", "three"].map(loads), [1, 2, 1]);
    assert_eq!(metric(&server, "model_evictions_total{model=\"one\"}"), 1);
}

#[test]
fn models_that_do_not_fit_together_take_turns() {
    let models = three().map(|(file, spec)| (file, Spec { loaded_bytes: 10_000, ..spec }));
    let server = Server::start_serving(&models, |config| {
        config.model_memory = 1;
        config.jobs_at_once = 3;
    });
    let keys = keys_of(&server, "one");
    let submitted = ["one", "two", "three", "one"].map(|model| {
        let body = request(10, Behaviour::Works);
        server.submit_to(&keys, &format!("?model={model}"), &body, &[]).header("location").unwrap()
    });
    for job in &submitted {
        assert_eq!(server.end(&keys, job)["state"], "done");
    }
    assert_eq!(metric(&server, "models_loaded_bytes"), 0);
}

#[test]
fn models_are_made_ready_at_the_start() {
    for (words, expected) in [("default", 1), ("all", 3), ("none", 0), ("two,three,four", 2)] {
        let server = Server::start_serving(&three(), |config| {
            config.preload = words.split(',').map(str::to_owned).collect();
        });
        let bytes = if expected == 0 { 0 } else { 100 * expected + SHARED_BYTES };
        server.wait(|| (metric(&server, "models_loaded_bytes") == bytes).then_some(()));
    }
}
