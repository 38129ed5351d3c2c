//! Uploads through several services that share a database and an object store.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use blindsight_evaluator::capability::new_id;
use blindsight_evaluator::store::Blobs;
use sha2::{Digest as _, Sha256};

use crate::database::Rows;
use crate::fake::Spec;
use crate::server::{Answer, Keys, Server, TUS};
use crate::uploads::walk;

/// Two services, and where their objects are. The folder is removed at the end.
struct Two {
    servers: [Server; 2],
    blobs: PathBuf,
    bytes: Vec<u8>,
}

impl Two {
    /// `None` where there is no database that two can use.
    fn start() -> Option<Self> {
        let rows = Rows::new();
        if matches!(rows, Rows::Sqlite) {
            return None;
        }
        let folder = std::env::temp_dir().join(format!("blindsight-objects-{}", new_id()));
        let blobs = Blobs::in_folder(&folder).unwrap();
        let spec = Spec::wide();
        let start = || {
            let models = [("wide.bs", spec.clone())];
            Server::start_beside_others(&models, &rows, &blobs, |_| {})
        };
        let bytes = spec.bundle(|_| true, 1);
        Some(Self { servers: [start(), start()], blobs: folder, bytes })
    }

    fn begin(&self) -> Keys {
        let created = self.servers[0].create_beside(("wide", ""), self.bytes.len(), None);
        assert_eq!(created.status, 201, "{}", created.text());
        let capability = created.header("blindsight-capability").unwrap();
        Keys { id: created.id(), capability }
    }

    /// Appends at one of them.
    fn append(&self, at: usize, keys: &Keys, from: usize, to: usize) -> Answer {
        self.servers[at].append(keys, from, &self.bytes[from..to], &[])
    }

    fn head(&self, at: usize, keys: &Keys) -> Answer {
        let capability = ("Blindsight-Capability", keys.capability.as_str());
        self.servers[at].send("HEAD", &format!("/v1/uploads/{}", keys.id), &[TUS, capability], &[])
    }

    /// Waits until nothing of unfinished uploads is left, and returns the places of bundles.
    fn places(&self) -> Vec<String> {
        let names = |kind: &str| -> Vec<PathBuf> { walk(&self.blobs.join(kind)) };
        self.servers[0].wait(|| names("uploads").is_empty().then_some(()));
        self.servers[0].wait(|| {
            let count = "SELECT count(*) FROM deletions";
            (self.servers[0].rows.number(count) == 0).then_some(())
        });
        let mut places: Vec<String> = names("bundles")
            .iter()
            .map(|path| path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        places.sort();
        places.dedup();
        places
    }
}

impl Drop for Two {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.blobs);
    }
}

#[test]
fn an_upload_goes_on_at_any_of_them() {
    let Some(two) = Two::start() else { return };
    let keys = two.begin();
    let length = two.bytes.len();
    assert!(length > 600_000, "{length}: parts that are not small");
    let mut from = 0;
    for (turn, to) in
        [5, 20_000, 300_000, 300_001, 570_000, 571_000, length].into_iter().enumerate()
    {
        let appended = two.append(turn % 2, &keys, from, to);
        assert_eq!(appended.status, 204, "{}", appended.text());
        for at in [0, 1] {
            let head = two.head(at, &keys);
            assert_eq!(head.header("upload-offset"), Some(to.to_string()));
            assert_eq!(head.header("blindsight-keys").is_some(), to == length);
        }
        from = to;
    }
    let sha256: String = Sha256::digest(&two.bytes).iter().map(|b| format!("{b:02x}")).collect();
    for server in &two.servers {
        let stored = server.get(&format!("/v1/keys/{}", keys.id), &keys.capability).json();
        assert_eq!((&stored["sha256"], &stored["bytes"]), (&sha256.clone().into(), &length.into()));
    }
    let places = two.places();
    assert_eq!(places.len(), 1);
    let mut frames = walk(&two.blobs.join("bundles"));
    frames
        .sort_by_key(|path| path.file_name().unwrap().to_str().unwrap().parse::<usize>().unwrap());
    let stored: Vec<u8> = frames.iter().flat_map(|path| std::fs::read(path).unwrap()).collect();
    assert!(stored == two.bytes);
}

#[test]
fn a_wrong_key_is_noticed_over_the_bounds_of_parts() {
    let Some(mut two) = Two::start() else { return };
    let starts = Spec::wide().frame_starts();
    let frame = starts.iter().position(|&start| start > 300_000).unwrap();
    // The wrong byte is the first of a key of which the rest comes by the other service.
    let bound = starts[frame] + 1;
    two.bytes[starts[frame]] = 0xFF;
    let keys = two.begin();
    assert_eq!(two.append(0, &keys, 0, bound).status, 204);
    assert_eq!(two.append(1, &keys, bound, starts[frame + 1] - 1).status, 204);
    let wrong = two.append(0, &keys, starts[frame + 1] - 1, two.bytes.len());
    assert_eq!(wrong.refusal(), (422, "secret_key_refused".to_owned()));
    assert_eq!(two.head(1, &keys).status, 410);
    assert_eq!(two.places(), Vec::<String>::new());
}

#[test]
fn an_earlier_writer_is_shut_out() {
    let Some(two) = Two::start() else { return };
    let keys = two.begin();
    assert_eq!(two.append(0, &keys, 0, 1000).status, 204);
    let mut slow = TcpStream::connect(two.servers[0].address).unwrap();
    let head = format!(
        "PATCH /v1/uploads/{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n\
         Upload-Offset: 1000\r\nBlindsight-Capability: {}\r\nContent-Length: 400000\r\n\r\n",
        keys.id, keys.capability
    );
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(&two.bytes[1000..200_000]).unwrap();
    // Until it has taken the upload.
    std::thread::sleep(Duration::from_millis(500));
    // The other one continues where the first one began, with other bytes than the first has.
    let appended = two.append(1, &keys, 1000, 2000);
    assert_eq!(appended.status, 204, "{}", appended.text());
    slow.write_all(&two.bytes[200_000..401_000]).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = String::new();
    let _ = slow.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 423"), "{answer}");
    assert!(answer.contains("upload_busy"), "{answer}");
    for at in [0, 1] {
        assert_eq!(two.head(at, &keys).header("upload-offset").as_deref(), Some("2000"));
    }
    // What the first one stored is gone, and so is what was taken up.
    assert_eq!(walk(&two.blobs.join("uploads")).len(), 1);
    assert_eq!(two.append(0, &keys, 2000, two.bytes.len()).status, 204);
    assert_eq!(two.places().len(), 1);
}

#[test]
fn two_may_finish_the_same_upload() {
    let Some(two) = Two::start() else { return };
    let keys = two.begin();
    assert_eq!(two.append(0, &keys, 0, 1000).status, 204);
    // As if the process had ended between the commit of the last byte and the copy.
    let part = &walk(&two.blobs.join("uploads"))[0];
    std::fs::write(part, &two.bytes).unwrap();
    let rows = &two.servers[0].rows;
    let sha256 = rows.constant(&Sha256::digest(&two.bytes));
    let length = two.bytes.len();
    let data = &two.servers[0].service.config.data;
    rows.execute(data, &format!("UPDATE upload_parts SET bytes = {length}, sha256 = {sha256}"));
    rows.execute(data, "UPDATE uploads SET received = length");
    std::thread::scope(|scope| {
        let ask = |at| {
            scope.spawn({
                let (two, keys) = (&two, &keys);
                move || two.head(at, keys)
            })
        };
        let asked = [0, 1, 0, 1].map(ask);
        for head in asked {
            let head = head.join().unwrap();
            assert_eq!(head.status, 200, "{}", head.text());
            assert_eq!(head.header("blindsight-keys"), Some(keys.id.clone()));
        }
    });
    assert_eq!(two.places().len(), 1);
    let path = format!("/v1/keys/{}", keys.id);
    assert_eq!(two.servers[1].delete(&path, &keys.capability).status, 204);
    assert_eq!(two.places(), Vec::<String>::new());
    // The same bytes again lie elsewhere.
    let again = two.begin();
    assert_eq!(two.append(0, &again, 0, length).status, 204);
    assert_eq!(two.places().len(), 1);
}

#[test]
fn two_may_send_the_same_bytes_at_the_same_time() {
    let Some(two) = Two::start() else { return };
    let all = [two.begin(), two.begin()];
    std::thread::scope(|scope| {
        for (at, keys) in all.iter().enumerate() {
            let two = &two;
            scope.spawn(move || {
                let appended = two.append(at, keys, 0, two.bytes.len());
                assert_eq!(appended.status, 204, "{}", appended.text());
            });
        }
    });
    let places = two.places();
    assert_eq!(places.len(), 1);
    for (at, keys) in all.iter().enumerate() {
        assert_eq!(two.places(), places, "it is there as long as somebody has it");
        let path = format!("/v1/keys/{}", keys.id);
        assert_eq!(two.servers[at].delete(&path, &keys.capability).status, 204);
    }
    assert_eq!(two.places(), Vec::<String>::new());
}

#[test]
fn a_start_beside_others_deletes_nothing_of_theirs() {
    let Some(two) = Two::start() else { return };
    let keys = two.begin();
    assert_eq!(two.append(0, &keys, 0, 1000).status, 204);
    // An object whose row is about to be committed.
    let early = two.blobs.join("results").join("00000000-0000-4000-8000-000000000000");
    std::fs::create_dir_all(early.parent().unwrap()).unwrap();
    std::fs::write(&early, b"x").unwrap();
    let models = [("wide.bs", Spec::wide())];
    let blobs = Blobs::in_folder(&two.blobs).unwrap();
    let third = Server::start_beside_others(&models, &two.servers[0].rows, &blobs, |_| {});
    assert!(early.exists());
    let appended = third.append(&keys, 1000, &two.bytes[1000..], &[]);
    assert_eq!(appended.status, 204, "{}", appended.text());
}
