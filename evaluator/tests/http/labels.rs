//! Labels alone, of a real, if very small, compiled model.

use std::path::Path;

use blindsight_contract::{AcceptedContract, Contract, Key, KeyBundle, Policy};
use blindsight_evaluator::config::Config;
use blindsight_evaluator::models::{Answers, CompiledModel};
use blindsight_exact::{BinaryPicture, ExactScores, LabelCiphertext, SeededPiece};
use blindsight_ring::sampling::Seed;
use serde_json::json;

use crate::real::Real;
use crate::server::Server;

/// A service with a model that has scores, and so a label, and with one that has not.
fn serve(name: &str, labels_only: &[&str]) -> (Server, Real) {
    serve_with(name, labels_only, |_| ())
}

/// The same, with more in the folder of models.
fn serve_with(name: &str, labels_only: &[&str], more: impl FnOnce(&Path)) -> (Server, Real) {
    let data = std::env::temp_dir().join(format!("blindsight-{name}-{}", std::process::id()));
    let config = Config {
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        models: data.join("models"),
        data,
        preload: vec!["none".to_owned()],
        part_bytes: 32 << 20,
        lead: Some(0.1),
        labels_only: labels_only.iter().map(|&id| id.to_owned()).collect(),
        ..Config::default()
    };
    std::fs::create_dir_all(&config.models).unwrap();
    let two = Real::with_classes("two", 1, &["no", "yes"]);
    two.write(&config.models);
    Real::with_classes("one", 1, &["only"]).write(&config.models);
    more(&config.models);
    let answers = Answers::of(&config).unwrap();
    (Server::start_with(config, CompiledModel::reader(answers)), two)
}

fn label_contract(model: &Real) -> AcceptedContract {
    let bytes = model.contract().clone().with_label_alone(None).to_bytes();
    Contract::parse(&bytes, &Policy::default()).unwrap()
}

/// The upload of the keys for exact answers, without any secret: their bodies are zeros.
fn exact_keys(contract: &AcceptedContract) -> Vec<u8> {
    let bundle = KeyBundle::new(Default::default(), contract.bundle().exact().cloned());
    let mut bytes = bundle.head(contract.set());
    for key in bundle.keys() {
        let Key::Exact(set, piece) = key else { panic!("these are keys for exact answers") };
        let numbers = piece.samples(set).len() * piece.part().body_len(set);
        let (seed, bodies) = (Seed::from_bytes([3; 32]), vec![0; numbers]);
        bytes.extend(SeededPiece { piece, seed, bodies }.to_bytes(set));
    }
    bytes
}

#[test]
fn labels_are_answered_beside_scores_with_keys_of_their_own() {
    let (server, model) = serve("labels", &[]);
    let contract = label_contract(&model);
    let listed = server.send("GET", "/v1/models", &[], &[]).json();
    let ways = listed["models"].as_array().unwrap().iter();
    let ways: Vec<_> = ways.map(|m| json!([m["id"], m["answer"], m["of"]])).collect();
    // Of one class, there is nothing to decide.
    let expected = json!([
        ["one", "scores", "one"],
        ["two", "scores", "two"],
        ["two.label", "label", "two"],
        ["two.lead", "label_with_lead", "two"]
    ]);
    assert_eq!(json!(ways), expected);
    let said = server.send("GET", "/v1/models/two.label/contract", &[], &[]);
    assert_eq!(said.body, model.contract().clone().with_label_alone(None).to_bytes());
    assert_eq!(listed["models"][2]["keys"]["count"], contract.bundle().len());

    let scores = server.keys_beside(("two", ""), &model.bundle(), None);
    let capability = Some(scores.capability.as_str());
    let refused = server.submit_to(&scores, "?model=two.label", &model.request(), &[]);
    assert_eq!(refused.refusal(), (422, "keys_do_not_fit".to_owned()));
    let bytes = exact_keys(&contract);
    let exact = server.keys_beside(("two.label", &scores.id), &bytes, capability);
    let stored = server.get(&format!("/v1/keys/{}", exact.id), &exact.capability).json();
    assert_eq!(stored["count"], 15);
    for way in ["two.label", "two.lead"] {
        let query = format!("?model={way}&with={}", scores.id);
        let submitted = server.submit_to(&exact, &query, &model.request(), &[]);
        assert_eq!(submitted.status, 202, "{}", submitted.text());
        let job = submitted.header("location").unwrap();
        assert_eq!(server.end(&exact, &job)["state"], "done");
        let answer = server.get(&format!("{job}/result"), &exact.capability).body;
        let set = contract.bundle().exact().unwrap();
        assert!(LabelCiphertext::from_bytes(set, &answer).is_ok());
    }
    // Once loaded, both ways are one.
    let metrics = server.send("GET", "/metrics", &[], &[]).text();
    assert!(metrics.contains("blindsight_model_loads_total{model=\"two\"} 1"), "{metrics}");
    assert!(!metrics.contains("model_loads_total{model=\"two.label\"}"), "{metrics}");
}

#[test]
fn networks_of_signs_are_served_as_all_models_are() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/signs-100.bs");
    let (server, _) = serve_with("signs", &[], |models| {
        std::fs::copy(file, models.join("signs-100.bs")).unwrap();
    });
    let said = server.send("GET", "/v1/models/signs-100/contract", &[], &[]);
    let contract = Contract::parse(&said.body, &Policy::default()).unwrap();
    let exact = contract.bundle().exact().unwrap();
    let keys = server.keys_beside(("signs-100", ""), &exact_keys(&contract), None);
    let (seed, bodies) = (Seed::from_bytes([4; 32]), vec![0; 784]);
    let request = BinaryPicture { seed, bodies }.to_bytes(exact);
    for (way, length) in [
        ("signs-100", ExactScores::byte_len(exact, 10)),
        ("signs-100.label", LabelCiphertext::byte_len(exact)),
        ("signs-100.lead", LabelCiphertext::byte_len(exact)),
    ] {
        let submitted = server.submit_to(&keys, &format!("?model={way}"), &request, &[]);
        assert_eq!(submitted.status, 202, "{}", submitted.text());
        let job = submitted.header("location").unwrap();
        assert_eq!(server.end(&keys, &job)["state"], "done");
        let answer = server.get(&format!("{job}/result"), &keys.capability).body;
        assert_eq!(answer.len(), length, "{way}");
    }
    let mut damaged = request.clone();
    damaged[50] ^= 1;
    let cut = &request[..request.len() - 1];
    for (bytes, code) in [(&damaged[..], "damaged"), (cut, "truncated")] {
        let refused = server.submit_to(&keys, "?model=signs-100", bytes, &[]).refusal();
        assert_eq!(refused.1, code);
    }
}

#[test]
fn wrong_keys_for_exact_answers_are_refused_as_they_come() {
    let (server, model) = serve("label-keys", &[]);
    let contract = label_contract(&model);
    let scores = server.keys_beside(("two", ""), &model.bundle(), None);
    let capability = Some(scores.capability.as_str());
    let good = exact_keys(&contract);
    let set = contract.bundle().exact().unwrap();
    let head = KeyBundle::new(Default::default(), Some(set.clone())).head(contract.set()).len();
    let second = head
        + contract.bundle().key(contract.keys().len()).unwrap().byte_len(contract.set()) as usize;
    type Damage = fn(&mut Vec<u8>, usize, usize);
    let damages: [(Damage, &str); 4] = [
        (|bytes, _, second| bytes[second - 1] ^= 1, "damaged"),
        (|bytes, head, second| bytes.copy_within(second..2 * second - head, head), "wrong_key"),
        (|bytes, head, _| bytes[head - 1] ^= 1, "damaged"),
        (|bytes, head, _| bytes[head + 6] = 6, "secret_key_refused"),
    ];
    for (damage, code) in damages {
        let mut bytes = good.clone();
        damage(&mut bytes, head, second);
        let created = server.create_beside(("two.label", &scores.id), bytes.len(), capability);
        let keys = crate::server::Keys { id: created.id(), capability: scores.capability.clone() };
        let refused = server.append(&keys, 0, &bytes, &[]).refusal();
        assert_eq!(refused, (422, code.to_owned()));
    }
    let short = server.create_beside(("two.label", &scores.id), good.len() - 1, capability);
    assert_eq!(short.refusal(), (400, "wrong_upload_length".to_owned()));
}

#[test]
fn owners_can_allow_labels_only() {
    let (server, model) = serve("labels-only", &["two", "one"]);
    let listed = server.send("GET", "/v1/models", &[], &[]).json();
    let ids: Vec<_> = listed["models"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
    assert_eq!(json!(ids), json!(["two.label", "two.lead"]));
    assert_eq!(listed["models"][0]["of"], "two");
    // What has no label is not served at all then.
    assert_eq!(listed["broken"][0]["file"], "one.bs");
    let withheld = (403, "scores_withheld".to_owned());
    let asked = server.send("GET", "/v1/models/two/contract", &[], &[]);
    assert_eq!(asked.refusal(), withheld);
    let bytes = model.bundle();
    assert_eq!(server.create_beside(("two", ""), bytes.len(), None).refusal(), withheld);
    let contract = label_contract(&model);
    let all = [contract.bundle().head(contract.set()), bytes[model.head_bytes()..].to_vec()];
    let exact = exact_keys(&contract);
    let exact_head = KeyBundle::new(Default::default(), contract.bundle().exact().cloned());
    let all = [all.concat(), exact[exact_head.head(contract.set()).len()..].to_vec()].concat();
    let keys = server.keys_beside(("two.label", ""), &all, None);
    let submit = |query: &str| server.submit_to(&keys, query, &model.request(), &[]);
    assert_eq!(submit("?model=two").refusal(), withheld);
    let submitted = submit("?model=two.label");
    let job = submitted.header("location").unwrap();
    assert_eq!(server.end(&keys, &job)["state"], "done");
}
