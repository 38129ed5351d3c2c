//! Blobs in a bucket.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, RetryConfig};

use crate::store::StoreError;

/// How long an operation is tried again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bucket and prefix of `BUCKET/PREFIX`, with everything else from `AWS_*` variables.
pub(super) fn from_environment(place: &str) -> Result<Arc<dyn ObjectStore>, StoreError> {
    open(AmazonS3Builder::from_env(), place)
}

fn open(builder: AmazonS3Builder, place: &str) -> Result<Arc<dyn ObjectStore>, StoreError> {
    // An earlier store may have chosen it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if bucket.is_empty() {
        return Err(StoreError::Address(format!("s3://{place} names no bucket")));
    }
    let prefix = Path::parse(prefix).map_err(|error| StoreError::Address(error.to_string()))?;
    // Who is away for longer is asked again by whoever needs it, and says so in the meantime.
    let retry = RetryConfig { max_retries: 4, retry_timeout: PATIENCE, ..RetryConfig::default() };
    let store = builder.with_retry(retry).with_bucket_name(bucket).build()?;
    Ok(Arc::new(PrefixStore::new(store, prefix)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use actix_web::http::StatusCode;
    use actix_web::web::{self, Bytes, Data, Query};
    use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
    use uuid::Uuid;

    use super::*;
    use crate::store::blobs::{Blob, BlobName, Blobs};
    use crate::store::state::keys::BundleName;
    use crate::store::state::runs::RunName;

    type Bucket = Mutex<BTreeMap<String, Bytes>>;

    /// As much of S3 as the service uses, for whoever asks.
    async fn s3(request: HttpRequest, bucket: Data<Bucket>, body: Bytes) -> HttpResponse {
        assert!(request.headers().contains_key("authorization"), "requests are signed");
        let mut objects = bucket.lock().unwrap();
        let key = request.path().strip_prefix("/bucket").unwrap().trim_matches('/').to_owned();
        match request.method().as_str() {
            "PUT" => {
                objects.insert(key, body);
                HttpResponse::Ok().insert_header(("ETag", "\"1\"")).finish()
            }
            "GET" if key.is_empty() => {
                let query = Query::<BTreeMap<String, String>>::from_query(request.query_string());
                let prefix = query.unwrap().get("prefix").cloned().unwrap_or_default();
                let listed = objects.iter().filter(|(key, _)| key.starts_with(&prefix));
                let contents = listed.map(|(key, body)| {
                    let (size, time) = (body.len(), "2026-01-01T00:00:00.000Z");
                    format!(
                        "<Contents><Key>{key}</Key><LastModified>{time}</LastModified>\
                         <ETag>1</ETag><Size>{size}</Size></Contents>"
                    )
                });
                let contents: String = contents.collect();
                HttpResponse::Ok().body(format!(
                    "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
                ))
            }
            "GET" => match (objects.get(&key), request.headers().get("range")) {
                (Some(body), range) => {
                    let mut response = HttpResponse::Ok();
                    response.insert_header(("ETag", "\"1\""));
                    response.insert_header(("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"));
                    let Some(range) = range else { return response.body(body.clone()) };
                    let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
                    let (from, last) = range.split_once('-').unwrap();
                    let (from, last): (usize, usize) =
                        (from.parse().unwrap(), last.parse().unwrap());
                    let all = format!("bytes {from}-{last}/{}", body.len());
                    response
                        .status(StatusCode::PARTIAL_CONTENT)
                        .insert_header(("Content-Range", all));
                    response.body(body.slice(from..=last))
                }
                (None, _) => HttpResponse::NotFound().finish(),
            },
            "POST" if request.query_string().starts_with("delete") => {
                let text = String::from_utf8(body.to_vec()).unwrap();
                let keys = text.split("<Key>").skip(1).map(|part| part.split('<').next().unwrap());
                let deleted = keys.map(|key| {
                    objects.remove(key);
                    format!("<Deleted><Key>{key}</Key></Deleted>")
                });
                let deleted: String = deleted.collect();
                HttpResponse::Ok().body(format!("<DeleteResult>{deleted}</DeleteResult>"))
            }
            other => panic!("{other} {}", request.uri()),
        }
    }

    #[actix_web::test]
    async fn objects_come_back_from_a_bucket() {
        let bucket = Data::new(Bucket::default());
        let app = {
            let bucket = bucket.clone();
            move || App::new().app_data(bucket.clone()).default_service(web::to(s3))
        };
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);

        let builder = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_region("nowhere")
            .with_access_key_id("id")
            .with_secret_access_key("key");
        let store = open(builder, "bucket/some/prefix").unwrap();
        let blobs = Blobs { store, folder: None };
        let job = Uuid::from_u128(9);
        let run = RunName { job, epoch: 3 };
        let bundle = BundleName { sha256: [0xCD; 32], place: Uuid::from_u128(10) };
        for blob in [Blob::Frame(bundle, 0), Blob::Frame(bundle, 1), Blob::Result(run)] {
            blobs.put(blob, Bytes::from_static(b"content")).await.unwrap();
            assert_eq!(&blobs.get(blob).await.unwrap()[..], b"content");
        }
        let name = format!("some/prefix/results/{job}.3");
        assert!(bucket.lock().unwrap().contains_key(&name));
        assert!(blobs.get(Blob::Request(job)).await.unwrap_err().is_missing_blob());
        // A part of an upload, in blocks.
        let part = Blob::Part { upload: job, start: 0, token: 3 };
        let blocks = [&b"con"[..], b"tent"].map(Bytes::from_static).to_vec();
        blobs.put_blocks(part, blocks).await.unwrap();
        assert_eq!(&blobs.get_range(part, 2..5).await.unwrap()[..], b"nte");
        blobs.delete_upload(Uuid::from_u128(10)).await.unwrap();
        assert!(bucket.lock().unwrap().contains_key(&format!("some/prefix/uploads/{job}/0.3")));
        blobs.delete_upload(job).await.unwrap();
        assert!(blobs.get_range(part, 2..5).await.unwrap_err().is_missing_blob());
        let known = bundle.to_string();
        let unknown = blobs.delete_unknown(|name| *name == BlobName::Bundle(&known)).await;
        assert_eq!(unknown.unwrap(), 1);
        blobs.delete_bundle(bundle).await.unwrap();
        assert!(bucket.lock().unwrap().is_empty());
        handle.stop(false).await;
    }
}
