//! Kills while keys are uploaded.

use std::time::Duration;

use blindsight_tests::api::{Api, Holding};
use blindsight_tests::client;

use crate::scene::Scene;

/// Kills on the way. What was acknowledged is there; what is there is what was sent, which the
/// checks of the keys and the SHA-256 of the whole tell in the end.
pub(crate) fn killed_on_the_way(scene: &mut Scene, kills: usize) {
    let length = scene.client.bundle.len();
    let upload = scene.api.create(length);
    let mut at = 0;
    for _ in 0..kills {
        // Not to its end before the last kill.
        let most = length / (kills + 1);
        let part = 1 + scene.below(most / 2);
        let guarded = scene.below(2) == 0;
        let pause = scene.within(Duration::from_millis(120));
        let (created, [acknowledged, sent]) = scene.kill_during("upload", pause, |api, client| {
            // An upload that is empty is accepted all the same.
            let created = create(api, length);
            let mut reached = [at, at];
            while reached[0] < at + most {
                let end = (reached[0] + part).min(at + most);
                reached[1] = end;
                let bytes = &client.bundle[reached[0]..end];
                let mut request = api.part(&upload, reached[0], bytes);
                if guarded {
                    request = request.header("Upload-Checksum", &Api::checksum(bytes));
                }
                match request.exchange(api.address) {
                    Ok(answer) => reached[0] = acknowledged(&answer.expect(204)),
                    Err(_) => break,
                }
            }
            (created, reached)
        });
        let offset = self::acknowledged(&scene.api.head(&upload).expect(200));
        let range = acknowledged..=sent;
        assert!(range.contains(&offset), "the upload stands at {offset}, not within {range:?}");
        // A part that is guarded counts as a whole or not at all.
        assert!(!guarded || offset == acknowledged || offset == sent, "{offset} of {range:?}");
        at = offset;
        if let Some(created) = created {
            let offset = self::acknowledged(&scene.api.head(&created).expect(200));
            assert_eq!(offset, 0);
            delete(scene, &created);
        }
    }
    scene.api.append(&upload, &scene.client.bundle, at..length);
    let keys = scene.api.keys(&upload);
    assert_eq!(keys["sha256"], client::sha256_hex(&scene.client.bundle), "other bytes");
    delete(scene, &upload);
}

/// Kills around the last byte, when an upload becomes a key set. The last one is kept.
pub(crate) fn killed_at_its_end(scene: &mut Scene, kills: usize) {
    let length = scene.client.bundle.len();
    let last = length - 10_000;
    // How long the end takes when nobody kills.
    let upload = scene.api.create(length);
    scene.api.append(&upload, &scene.client.bundle, 0..last);
    let start = std::time::Instant::now();
    scene.api.send(&scene.api.part(&upload, last, &scene.client.bundle[last..])).expect(204);
    let usual = start.elapsed();
    delete(scene, &upload);

    for _ in 0..kills {
        if let Some(before) = scene.keys.take() {
            delete(scene, &before);
        }
        let upload = scene.api.create(length);
        scene.api.append(&upload, &scene.client.bundle, 0..last);
        let pause = scene.within(usual.mul_f64(1.2));
        let acknowledged = scene.kill_during("end of upload", pause, |api, client| {
            let answer = api.part(&upload, last, &client.bundle[last..]).exchange(api.address);
            answer.is_ok_and(|answer| answer.expect(204).header("Blindsight-Keys").is_some())
        });
        let head = scene.api.head(&upload).expect(200);
        let offset = self::acknowledged(&head);
        assert!(offset == last || offset == length, "the upload stands at {offset}");
        assert!(!acknowledged || offset == length, "the last part was forgotten");
        assert_eq!(head.header("Blindsight-Keys").is_some(), offset == length);
        scene.api.append(&upload, &scene.client.bundle, offset..length);
        let keys = scene.api.keys(&upload);
        assert_eq!(keys["sha256"], client::sha256_hex(&scene.client.bundle), "other bytes");
        scene.keys = Some(upload);
    }
}

fn acknowledged(answer: &blindsight_tests::http::Response) -> usize {
    usize::try_from(answer.number("Upload-Offset").unwrap()).unwrap()
}

/// An upload, if the service lived long enough to say so.
fn create(api: &Api, length: usize) -> Option<Holding> {
    let answer = api.creation(length).exchange(api.address).ok()?.expect(201);
    let id = answer.header("Location")?.strip_prefix("/v1/uploads/")?.to_owned();
    let capability = answer.header("Blindsight-Capability")?.to_owned();
    Some(Holding { id, capability })
}

fn delete(scene: &Scene, upload: &Holding) {
    let path = format!("/v1/keys/{}", upload.id);
    let request = scene.api.request_of(upload, "DELETE", &path);
    scene.api.send(&request).expect(204);
}
