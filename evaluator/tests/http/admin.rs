//! The program's commands for those who run a service, beside one that runs.

use std::process::Command;

use serde_json::{Value, json};

use crate::database::Rows;
use crate::fake::{Behaviour, request};
use crate::server::Server;

/// Runs the program on the rows of a service. Gives what it printed before the last line, and that.
fn run(server: &Server, arguments: &[&str]) -> Result<(String, Value), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blindsight-evaluator"));
    command.args(arguments).arg("--data").arg(&server.service.config.data);
    command.env("USER", "tester").env_remove("SUDO_USER");
    if let Rows::Postgres(url) = &server.rows {
        command.env("BLINDSIGHT_STATE", url);
    }
    let output = command.output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
    Ok((before.to_owned(), serde_json::from_str(last).unwrap()))
}

fn admin(server: &Server, arguments: &[&str]) -> Value {
    run(server, &[&["admin"], arguments].concat()).unwrap().1
}

fn refused(server: &Server, arguments: &[&str]) -> String {
    run(server, &[&["admin"], arguments].concat()).unwrap_err()
}

#[test]
fn tenants_come_with_keys_and_quotas_and_go() {
    let server = Server::start(|config| config.require_keys = true);
    let added = admin(&server, &["tenants", "add", "acme", "--queued", "3", "--bytes", "1000000"]);
    assert_eq!(added["tenant"]["queued"], 3);
    assert!(refused(&server, &["tenants", "add", "acme"]).contains("already"));
    assert!(refused(&server, &["tenants", "add", "a b"]).contains("no blanks"));
    assert!(refused(&server, &["keys", "add", "nobody"]).contains("no tenant"));
    let key = admin(&server, &["keys", "add", "acme", "--days", "3"]);
    let authorization = format!("Bearer {}", key["key"].as_str().unwrap());
    let ask = || {
        let headers = [("Authorization", authorization.as_str())];
        server.send("GET", "/v1/models", &headers, &[]).status
    };
    assert_eq!(ask(), 200);

    let changed =
        admin(&server, &["tenants", "set", "acme", "--queued", "default", "--jobs-a-day", "7"]);
    let tenant = &changed["tenant"];
    assert_eq!((&tenant["queued"], &tenant["bytes"]), (&Value::Null, &json!(1_000_000)));
    assert_eq!(tenant["jobs_a_day"], 7);
    assert_eq!(admin(&server, &["tenants", "list"])["tenants"], json!([tenant]));
    assert!(refused(&server, &["tenants", "set", "acme", "--queued", "many"]).contains("many"));
    assert!(refused(&server, &["tenants", "set", "nobody"]).contains("no tenant"));
    assert_eq!(admin(&server, &["tenants", "disable", "acme"])["tenant"]["disabled"], true);
    server.wait(|| (ask() == 401).then_some(()));
    assert_eq!(admin(&server, &["tenants", "enable", "acme"])["tenant"]["disabled"], false);
    server.wait(|| (ask() == 200).then_some(()));

    let (lines, list) = run(&server, &["admin", "keys", "list"]).unwrap();
    assert_eq!(list["keys"][0]["id"], key["id"]);
    assert!(!lines.contains(key["key"].as_str().unwrap()) && list["keys"][0]["key"].is_null());
    let id = key["id"].as_str().unwrap();
    assert_eq!(admin(&server, &["keys", "revoke", id])["id"], id);
    assert!(refused(&server, &["keys", "revoke", id]).contains("not revoked"));
    server.wait(|| (ask() == 401).then_some(()));

    let audit = admin(&server, &["audit", "--since", "1h"]);
    let admins = audit["audit"].as_array().unwrap().iter();
    let admins = admins.filter(|row| row["who"] == "admin tester");
    let actions: Vec<&str> = admins.map(|row| row["action"].as_str().unwrap()).collect();
    let expected = ["tenant added", "key added", "tenant changed", "tenant disabled"];
    assert_eq!(actions[..4], expected);
    assert_eq!(actions[4..], ["tenant enabled", "key revoked"]);
    let later = admin(&server, &["audit", "--since", "2999-01-01T00:00:00Z"]);
    assert_eq!(later["audit"], json!([]));
}

#[test]
fn jobs_are_listed_cancelled_and_tried_again() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let slow = server.job(&keys, &request(200, Behaviour::Works));
    server.runs(&keys, &slow);
    let [first, second] = [(); 2].map(|()| server.job(&keys, &request(0, Behaviour::Works)));
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let listed = admin(&server, &["jobs", "list", "--state", "queued"]);
    let ids: Vec<&str> =
        listed["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [id(&second), id(&first)]);
    assert!(refused(&server, &["jobs", "list", "--state", "lost"]).contains("no such state"));
    let cancelled = admin(&server, &["jobs", "cancel", &id(&first)]);
    assert_eq!(cancelled["job"]["state"], "cancelled");
    assert!(refused(&server, &["jobs", "cancel", &id(&first)]).contains("has ended"));
    assert_eq!(server.end(&keys, &first)["state"], "cancelled");

    let dead = format!("UPDATE jobs SET state = 'dead', attempts = 3 WHERE id = '{}'", id(&second));
    server.rows.execute(&server.service.config.data, &dead);
    assert!(refused(&server, &["jobs", "retry", &id(&first)]).contains("not dead"));
    let retried = admin(&server, &["jobs", "retry", &id(&second)]);
    assert_eq!(
        (&retried["job"]["state"], &retried["job"]["attempts"]),
        (&"queued".into(), &0.into())
    );
    assert_eq!(server.end(&keys, &second)["state"], "done");
    assert_eq!(server.end(&keys, &slow)["state"], "done");
}

#[test]
fn new_jobs_are_kept_out_and_let_in() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let submit = || server.submit(&keys, &request(0, Behaviour::Works), &[]).status;
    assert!(admin(&server, &["drain", "on"])["draining_since"].is_string());
    assert_eq!(submit(), 503);
    assert!(admin(&server, &["drain", "off"])["draining_since"].is_null());
    assert_eq!(submit(), 202);
}

#[test]
fn tables_are_brought_up_to_date_beside_a_service() {
    let server = Server::start(|_| {});
    let (_, now) = run(&server, &["migrate"]).unwrap();
    assert_eq!(now["from"], now["to"]);
    assert!(now["to"].as_i64().unwrap() > 1);
    // A release that this program comes before, and which it is not kept out by.
    let newer = match &server.rows {
        Rows::Sqlite => {
            "UPDATE schema_version SET version = 99, readable_by = (SELECT version FROM schema_version)"
        }
        Rows::Postgres(_) => "UPDATE schema_version SET readable_by = version, version = 99",
    };
    let data = server.service.config.data.clone();
    server.rows.execute(&data, newer);
    if matches!(server.rows, Rows::Sqlite) {
        server.rows.execute(&data, "PRAGMA user_version = 99");
    }
    let server = server.restart(|_, _| {});
    assert_eq!(admin(&server, &["jobs", "list"])["jobs"], json!([]));
    let keys = server.keys(1);
    let job = server.job(&keys, &request(0, Behaviour::Works));
    assert_eq!(server.end(&keys, &job)["state"], "done");
    // One that keeps it out.
    server.rows.execute(&data, "UPDATE schema_version SET readable_by = 98");
    assert!(refused(&server, &["jobs", "list"]).contains("take a newer one"));
    assert!(run(&server, &["migrate"]).unwrap_err().contains("schema version 99"));
}

#[test]
fn the_place_stands_in_the_settings_file_too() {
    let server = Server::start(|_| {});
    let data = &server.service.config.data;
    let mut settings = format!("data = {data:?}\n");
    if let Rows::Postgres(url) = &server.rows {
        settings += &format!("state = {url:?}\n");
    }
    let file = data.join("settings.toml");
    std::fs::write(&file, settings).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_blindsight-evaluator"))
        .args(["admin", "tenants", "add", "acme", "--config"])
        .arg(&file)
        .env_remove("BLINDSIGHT_STATE")
        .env_remove("BLINDSIGHT_DATA")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(server.service.store.db.read(|c| c.tenant("acme")).unwrap().is_some());
}

#[test]
fn what_is_not_there_is_said() {
    let server = Server::start(|_| {});
    let missing = server.service.config.data.join("nowhere");
    let output = Command::new(env!("CARGO_BIN_EXE_blindsight-evaluator"))
        .args(["admin", "tenants", "list", "--data"])
        .arg(&missing)
        .env_remove("BLINDSIGHT_STATE")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("blindsight-evaluator migrate"), "{text}");
    assert!(!missing.exists());
}
