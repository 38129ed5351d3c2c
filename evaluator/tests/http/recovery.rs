//! What survives the end of the process.

use crate::database::{OBJECTS, Rows};
use crate::fake::{Behaviour, answer, bundle, request};
use crate::server::{Server, TUS};

#[test]
fn a_stop_puts_the_running_job_back() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let body = request(250, Behaviour::Works);
    let running = server.job(&keys, &body);
    let waiting = server.job(&keys, &body);
    server.runs(&keys, &running);
    let server = server.restart(|_, _| {});
    for job in [&running, &waiting] {
        let ended = server.end(&keys, job);
        assert_eq!(ended["state"], "done");
        // An orderly stop does not count.
        assert_eq!(ended["attempts"], 1);
        let result = server.get(&format!("{job}/result"), &keys.capability);
        assert_eq!(result.body, answer(&body));
    }
}

#[test]
fn jobs_that_ran_at_a_crash_run_again_or_are_given_up() {
    let server = Server::start(|config| config.max_attempts = 3);
    let keys = server.keys(1);
    let job = server.job(&keys, &request(250, Behaviour::Works));
    server.runs(&keys, &job);
    // As a process leaves it that ends without a word.
    let crash = "UPDATE jobs SET state = 'running', attempts = 2";
    let server = server.restart(|config, rows| rows.execute(&config.data, crash));
    let ended = server.end(&keys, &job);
    assert_eq!((&ended["state"], &ended["attempts"]), (&"done".into(), &3.into()));

    let crash = "UPDATE jobs SET state = 'running', attempts = 3, finished_at = NULL";
    let server = server.restart(|config, rows| rows.execute(&config.data, crash));
    let ended = server.end(&keys, &job);
    assert_eq!((&ended["state"], &ended["attempts"]), (&"dead".into(), &3.into()));
    assert_eq!(server.get(&format!("{job}/result"), &keys.capability).status, 410);
}

#[test]
fn uploads_go_on_where_the_disk_has_them() {
    let server = Server::start(|_| {});
    let keys = server.begin();
    let bytes = bundle(5);
    assert_eq!(server.append(&keys, 0, &bytes[..5000], &[]).status, 204);
    let server = server.restart(|config, _| {
        // Bytes that were written but not committed, and a file that belongs to nobody.
        let uploads = config.data.join("uploads");
        let path = uploads.join(&keys.id);
        let mut content = std::fs::read(&path).unwrap();
        content.extend([0xEE; 777]);
        std::fs::write(&path, content).unwrap();
        std::fs::write(uploads.join("00000000-0000-4000-8000-000000000000"), b"x").unwrap();
    });
    let path = format!("/v1/uploads/{}", keys.id);
    let capability = ("Blindsight-Capability", keys.capability.as_str());
    let head = server.send("HEAD", &path, &[TUS, capability], &[]);
    assert_eq!(head.header("upload-offset").as_deref(), Some("5000"));
    let orphans = std::fs::read_dir(server.service.config.data.join("uploads")).unwrap().count();
    assert_eq!(orphans, 1);
    assert_eq!(server.append(&keys, 5000, &bytes[5000..], &[]).status, 204);
    let job = server.job(&keys, &request(0, Behaviour::Works));
    assert_eq!(server.end(&keys, &job)["state"], "done");
}

#[test]
fn an_upload_that_was_complete_becomes_keys_at_the_next_start() {
    let server = Server::start(|_| {});
    let keys = server.begin();
    let bytes = bundle(6);
    let most = bytes.len() - 1;
    assert_eq!(server.append(&keys, 0, &bytes[..most], &[]).status, 204);
    let server = server.restart(|config, rows| {
        // As if the process had ended between the commit of the last byte and the copy.
        std::fs::write(config.data.join("uploads").join(&keys.id), &bytes).unwrap();
        rows.execute(&config.data, "UPDATE uploads SET received = length");
        let strange = config.data.join("blobs/results");
        std::fs::create_dir_all(&strange).unwrap();
        std::fs::write(strange.join("00000000-0000-4000-8000-000000000000"), b"x").unwrap();
    });
    assert_eq!(server.get(&format!("/v1/keys/{}", keys.id), &keys.capability).status, 200);
    let results = server.service.config.data.join("blobs/results");
    assert_eq!(std::fs::read_dir(results).unwrap().count(), 0);
    let job = server.job(&keys, &request(0, Behaviour::Works));
    assert_eq!(server.end(&keys, &job)["state"], "done");
}

#[test]
fn keys_of_an_earlier_version_stay_where_they_are() {
    let server = Server::start(|_| {});
    let keys = server.keys(6);
    let bundles = server.service.config.data.join("blobs/bundles");
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&bundles).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let sha256 = names()[0].split('.').next().unwrap().to_owned();
    let server = server.restart(|config, rows| {
        // As earlier versions named them.
        std::fs::rename(bundles.join(&names()[0]), bundles.join(&sha256)).unwrap();
        let statement = "UPDATE bundles SET place = '00000000-0000-0000-0000-000000000000'";
        rows.execute(&config.data, statement);
    });
    assert_eq!(names(), [sha256]);
    let job = server.job(&keys, &request(0, Behaviour::Works));
    assert_eq!(server.end(&keys, &job)["state"], "done");
    let path = format!("/v1/keys/{}", keys.id);
    assert_eq!(server.delete(&path, &keys.capability).status, 204);
    server.wait(|| names().is_empty().then_some(()));
}

#[test]
fn uploads_whose_bytes_an_earlier_version_had_in_files_start_over() {
    let server = Server::start(|config| config.blobs = Some(OBJECTS.to_owned()));
    let (lost, kept) = (server.begin(), server.begin());
    for keys in [&lost, &kept] {
        assert_eq!(server.append(keys, 0, &bundle(5)[..5000], &[]).status, 204);
    }
    let server = server.restart(|config, rows| {
        let statement = format!("DELETE FROM upload_parts WHERE upload = '{}'", lost.id);
        rows.execute(&config.data, &statement);
    });
    assert_eq!(server.append(&lost, 5000, &bundle(5)[5000..], &[]).status, 404);
    assert_eq!(server.append(&kept, 5000, &bundle(5)[5000..], &[]).status, 204);
}

#[test]
fn two_services_do_not_share_a_folder() {
    let server = Server::start(|_| {});
    let config = blindsight_evaluator::config::Config::clone(&server.service.config);
    assert!(server.rows.open(&config, crate::fake::reader()).is_err());
}

#[test]
fn what_an_earlier_version_left_is_deleted() {
    let server = Server::start(|_| {});
    if !matches!(server.rows, Rows::Sqlite) {
        // There was no earlier version.
        return;
    }
    let server = server.restart(|config, _| {
        // As the first version left it: a key set, a job, an upload, and their bytes.
        let data = &config.data;
        for file in ["state.sqlite", "state.sqlite-wal", "state.sqlite-shm"] {
            let _ = std::fs::remove_file(data.join(file));
        }
        let c = rusqlite::Connection::open(data.join("state.sqlite")).unwrap();
        c.execute_batch(include_str!("../../src/store/sqlite/schema_1.sql")).unwrap();
        let id = "00000000-0000-4000-8000-000000000000";
        let sha256 = "ab".repeat(32);
        c.execute_batch(&format!(
            "PRAGMA user_version = 1;
             INSERT INTO uploads VALUES ('{id}', x'01', 'm', 9, 4, NULL, NULL, 1, 9e12);
             INSERT INTO bundles VALUES (x'{sha256}', 1, 1);
             INSERT INTO keys VALUES ('{id}', x'01', x'{sha256}', 'm', 1, 1, 9e12);
             INSERT INTO jobs VALUES (1, '{id}', x'01', '{id}', 'm', 'queued', 0, NULL, x'00', 1,
                                      NULL, NULL, NULL, NULL, 1, NULL, NULL);"
        ))
        .unwrap();
        let blobs = [
            format!("blobs/bundles/{sha256}/0"),
            format!("blobs/requests/{id}"),
            format!("blobs/results/{id}"),
            format!("uploads/{id}"),
        ];
        for blob in blobs {
            let path = data.join(blob);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"old").unwrap();
        }
    });
    let data = &server.service.config.data;
    for folder in ["blobs/requests", "blobs/results", "uploads"] {
        assert_eq!(std::fs::read_dir(data.join(folder)).unwrap().count(), 0, "{folder}");
    }
    for bundle in std::fs::read_dir(data.join("blobs/bundles")).unwrap() {
        assert_eq!(std::fs::read_dir(bundle.unwrap().path()).unwrap().count(), 0);
    }
    let keys = server.keys(1);
    let job = server.job(&keys, &request(0, Behaviour::Works));
    assert_eq!(server.end(&keys, &job)["state"], "done");
}
