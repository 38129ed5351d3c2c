//! What is asked in HTTP, and how it is answered.

use std::collections::HashMap;
use std::ops::Range;

use actix_web::http::header::HttpDate;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data, Query, block};
use actix_web::{HttpRequest, HttpResponse};

use crate::objects::{Entry, Objects};

/// How a request is refused.
#[derive(Debug, Clone, Copy)]
struct Refusal(StatusCode, &'static str);

const MISSING: Refusal = Refusal(StatusCode::NOT_FOUND, "NoSuchKey");
const FAILED: Refusal = Refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");

/// Answers any request.
pub(crate) async fn answer(
    request: HttpRequest,
    query: Query<HashMap<String, String>>,
    objects: Data<Objects>,
    body: Bytes,
) -> HttpResponse {
    // Reading a file may take long, and requests are answered on one thread.
    let method = request.method().clone();
    let asked = Asked::of(&request, query.into_inner(), body);
    let answered = block(move || asked.and_then(|asked| asked.answer(&method, &objects))).await;
    let answered = answered.unwrap_or(Err(FAILED)).map(Answer::into_response);
    answered.unwrap_or_else(|Refusal(status, code)| {
        HttpResponse::build(status).body(format!("<Error><Code>{code}</Code></Error>"))
    })
}

/// An answer, on its way from another thread.
#[derive(Debug, Default)]
struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn of(body: String) -> Self {
        Self { body: body.into_bytes(), ..Self::default() }
    }

    fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in self.headers {
            response.insert_header(header);
        }
        response.body(self.body)
    }
}

/// A request.
struct Asked {
    /// `BUCKET/KEY`, or `BUCKET`.
    name: String,
    query: HashMap<String, String>,
    range: Option<String>,
    source: Option<String>,
    only_new: bool,
    body: Bytes,
}

impl Asked {
    fn of(
        request: &HttpRequest,
        query: HashMap<String, String>,
        body: Bytes,
    ) -> Result<Self, Refusal> {
        let header = |name: &str| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        if header("authorization").is_none() {
            return Err(Refusal(StatusCode::FORBIDDEN, "AccessDenied"));
        }
        // Names of the service need no escapes.
        let name = request.path().trim_matches('/').to_owned();
        Ok(Self {
            name,
            query,
            range: header("range"),
            source: header("x-amz-copy-source"),
            only_new: header("if-none-match").is_some_and(|value| value == "*"),
            body,
        })
    }

    fn answer(&self, method: &Method, objects: &Objects) -> Result<Answer, Refusal> {
        match *method {
            Method::PUT => self.put(objects),
            Method::GET if !self.name.contains('/') => self.list(objects),
            Method::GET | Method::HEAD => self.get(objects),
            Method::DELETE => {
                objects.delete(&self.name).map_err(|_| FAILED)?;
                Ok(Answer { status: StatusCode::NO_CONTENT, ..Answer::default() })
            }
            Method::POST if self.query.contains_key("delete") => self.delete_many(objects),
            _ => Err(Refusal(StatusCode::NOT_IMPLEMENTED, "NotImplemented")),
        }
    }

    fn put(&self, objects: &Objects) -> Result<Answer, Refusal> {
        let copied = match &self.source {
            Some(source) => {
                let source = source.trim_start_matches('/');
                Some(objects.read(source, 0, u64::MAX).map_err(|_| MISSING)?)
            }
            None => None,
        };
        let bytes = copied.as_deref().unwrap_or(&self.body);
        let stored = objects.put(&self.name, bytes, self.only_new).map_err(|_| FAILED)?;
        let stored =
            stored.ok_or(Refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"))?;
        let tag = stored.tag();
        let body = copied.map_or_else(String::new, |_| {
            let (tag, time) = (escaped(&tag), time(&stored));
            let (tag, time) =
                (format!("<ETag>{tag}</ETag>"), format!("<LastModified>{time}</LastModified>"));
            format!("<CopyObjectResult>{tag}{time}</CopyObjectResult>")
        });
        Ok(Answer { headers: vec![("ETag", tag)], ..Answer::of(body) })
    }

    fn get(&self, objects: &Objects) -> Result<Answer, Refusal> {
        let entry = objects.find(&self.name).ok_or(MISSING)?;
        let range = match &self.range {
            Some(text) => Some(
                range(text, entry.bytes)
                    .ok_or(Refusal(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange"))?,
            ),
            None => None,
        };
        let mut answer = Answer::default();
        answer.headers.push(("ETag", entry.tag()));
        answer.headers.push(("Last-Modified", HttpDate::from(entry.modified).to_string()));
        if let Some(Range { start, end }) = &range {
            answer.status = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {start}-{}/{}", end - 1, entry.bytes);
            answer.headers.push(("Content-Range", range));
        }
        let Range { start, end } = range.unwrap_or(0..entry.bytes);
        // Of an answer to HEAD, actix sends the length alone.
        answer.body = objects.read(&self.name, start, end - start).map_err(|_| MISSING)?;
        Ok(answer)
    }

    fn list(&self, objects: &Objects) -> Result<Answer, Refusal> {
        let asked = |name: &str| self.query.get(name).map_or("", String::as_str);
        let (prefix, delimiter) = (asked("prefix"), asked("delimiter"));
        let after = asked("continuation-token").max(asked("start-after"));
        let most = asked("max-keys").parse().unwrap_or(1000).min(1000);
        let found = objects.list(&self.name, prefix, after).map_err(|_| FAILED)?;
        let (mut contents, mut folders, mut last) = (String::new(), Vec::<&str>::new(), None);
        let mut count = 0;
        for entry in &found {
            let rest = entry.key.get(prefix.len()..).unwrap_or_default();
            let folder = (!delimiter.is_empty()).then(|| rest.find(delimiter)).flatten();
            let folder = folder.map(|at| &entry.key[..prefix.len() + at + delimiter.len()]);
            let seen = folder.is_some() && folders.last().copied() == folder;
            if !seen && count == most {
                return Ok(listed(&contents, &folders, last));
            }
            last = Some(entry.key.as_str());
            match folder {
                _ if seen => continue,
                Some(folder) => folders.push(folder),
                None => contents += &content(entry),
            }
            count += 1;
        }
        Ok(listed(&contents, &folders, None))
    }

    fn delete_many(&self, objects: &Objects) -> Result<Answer, Refusal> {
        let text = std::str::from_utf8(&self.body);
        let text = text.map_err(|_| Refusal(StatusCode::BAD_REQUEST, "MalformedXML"))?;
        let keys =
            text.split("<Key>").skip(1).filter_map(|part| Some(part.split_once("</Key>")?.0));
        let mut deleted = String::new();
        for key in keys {
            let plain = unescaped(key);
            objects.delete(&format!("{}/{plain}", self.name)).map_err(|_| FAILED)?;
            deleted += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
        Ok(Answer::of(format!("<DeleteResult>{deleted}</DeleteResult>")))
    }
}

/// One page of a list; `last` is where the next one goes on.
fn listed(contents: &str, folders: &[&str], last: Option<&str>) -> Answer {
    let folder = |name: &&str| {
        format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(name))
    };
    let folders: String = folders.iter().map(folder).collect();
    let next = last.map_or_else(String::new, |key| {
        format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(key))
    });
    Answer::of(format!(
        "<ListBucketResult><IsTruncated>{}</IsTruncated>{next}{contents}{folders}</ListBucketResult>",
        last.is_some()
    ))
}

fn content(entry: &Entry) -> String {
    format!(
        "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
        escaped(&entry.key),
        time(entry),
        escaped(&entry.tag()),
        entry.bytes
    )
}

fn time(entry: &Entry) -> String {
    humantime::format_rfc3339_millis(entry.modified).to_string()
}

/// What `bytes=FROM-TO`, `bytes=FROM-` or `bytes=-LAST` means of so many bytes.
fn range(text: &str, bytes: u64) -> Option<Range<u64>> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (from, to) {
        ("", last) => bytes.saturating_sub(last.parse().ok()?)..bytes,
        (from, "") => from.parse().ok()?..bytes,
        (from, to) => from.parse().ok()?..to.parse::<u64>().ok()?.saturating_add(1).min(bytes),
    };
    (range.start < range.end).then_some(range)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_within_the_object() {
        assert_eq!(range("bytes=0-3", 10), Some(0..4));
        assert_eq!(range("bytes=5-", 10), Some(5..10));
        assert_eq!(range("bytes=-3", 10), Some(7..10));
        assert_eq!(range("bytes=8-99", 10), Some(8..10));
        assert_eq!(range("bytes=10-", 10), None);
        assert_eq!(range("nonsense", 10), None);
    }

    #[test]
    fn keys_survive_their_way_through_xml() {
        let key = "a<b>&amp;\"c\"";
        assert_eq!(unescaped(&escaped(key)), key);
    }
}
