//! Traces, as a collector gets them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use blindsight_evaluator::capability::new_id;
use blindsight_evaluator::config::Role;
use blindsight_evaluator::store::Blobs;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::database::Rows;
use crate::fake::{Behaviour, Spec, request};
use crate::server::{Keys, Server};

/// Takes whatever is posted to it.
struct Collector {
    address: String,
    posted: Receiver<ExportTraceServiceRequest>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (send, posted) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let send = send.clone();
                std::thread::spawn(
                    move || while take(stream.as_ref().unwrap(), &send).is_some() {},
                );
            }
        });
        Self { address, posted }
    }

    /// All spans that came, when nobody sends any more.
    fn spans(&self) -> Vec<Span> {
        let posted = self.posted.try_iter();
        let of_resource = posted.flat_map(|posted| posted.resource_spans);
        let spans = of_resource.flat_map(|of_resource| {
            let resource = of_resource.resource.unwrap();
            assert_eq!(text(&resource.attributes, "service.name"), "blindsight-evaluator");
            of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans)
        });
        spans.collect()
    }
}

/// One request of a connection.
fn take(stream: &TcpStream, to: &Sender<ExportTraceServiceRequest>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines();
    assert_eq!(lines.next()?.ok()?, "POST /v1/traces HTTP/1.1");
    let headers: Vec<String> = lines.map(Result::unwrap).take_while(|l| !l.is_empty()).collect();
    let length = headers.iter().find_map(|header| {
        let (name, value) = header.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    to.send(ExportTraceServiceRequest::decode(body.as_slice()).unwrap()).ok()?;
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{key} is {other:?}"),
    }
}

fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let first = found.next().unwrap_or_else(|| panic!("there is no span {name:?}"));
    assert!(found.next().is_none(), "there are several spans {name:?}");
    first
}

const SUBMIT: &str = "POST /v1/keys/{id}/jobs";

/// Runs a job to its end.
fn run(server: &Server, behaviour: Behaviour) -> (Keys, String) {
    let keys = server.keys(1);
    let job = server.job(&keys, &request(1, behaviour));
    server.end(&keys, &job);
    (keys, job)
}

/// Checks that a run with all its parts follows from a request.
fn check_run(spans: &[Span], job: &str) {
    let (submit, run) = (only(spans, SUBMIT), only(spans, "run"));
    assert_eq!(text(&submit.attributes, "http.response.status_code"), "202");
    assert_eq!((&run.trace_id, &run.parent_span_id), (&submit.trace_id, &submit.span_id));
    assert_eq!(job, format!("/v1/jobs/{}", text(&run.attributes, "blindsight.job")));
    assert_eq!(text(&run.attributes, "blindsight.outcome"), "done");
    assert_eq!(text(&run.attributes, "blindsight.attempt"), "1");
    let parts = spans.iter().filter(|span| span.parent_span_id == run.span_id);
    let parts: Vec<&str> = parts.map(|part| part.name.as_str()).collect();
    let all = [
        "read the request",
        "make the model ready",
        "make the keys ready",
        "evaluate",
        "store the result",
        "note the end",
    ];
    assert_eq!(parts, all);
    assert!(spans.iter().all(|span| span.end_time_unix_nano >= span.start_time_unix_nano));
}

#[test]
fn a_run_belongs_to_the_trace_of_its_request() {
    let collector = Collector::start();
    let server = Server::start(|config| config.traces = Some(collector.address.clone()));
    let (keys, job) = run(&server, Behaviour::Works);
    drop(server);
    let spans = collector.spans();
    check_run(&spans, &job);
    assert!(only(&spans, SUBMIT).parent_span_id.is_empty());
    // Who may use the keys is in no span.
    assert!(!format!("{spans:?}").contains(&keys.capability));
    // Nor is anybody traced who asks how things are, or for the page.
    assert!(spans.iter().all(|span| span.name == "run"
        || !span.parent_span_id.is_empty()
        || span.name.contains(" /v1/")));
}

#[test]
fn runs_elsewhere_belong_to_it_too() {
    let rows = Rows::new();
    if matches!(rows, Rows::Sqlite) {
        return;
    }
    let collectors = [Collector::start(), Collector::start()];
    let folder = std::env::temp_dir().join(format!("blindsight-objects-{}", new_id()));
    let blobs = Blobs::in_folder(&folder).unwrap();
    let start = |role, collector: &Collector| {
        Server::start_beside_others(&[("fake.bs", Spec::fake())], &rows, &blobs, |config| {
            config.role = role;
            config.traces = Some(collector.address.clone());
        })
    };
    let front = start(Role::Front, &collectors[0]);
    let worker = start(Role::Worker, &collectors[1]);
    let (_, job) = run(&front, Behaviour::Works);
    drop((front, worker));
    let [of_front, of_worker] = collectors.map(|collector| collector.spans());
    assert!(of_front.iter().all(|span| span.name != "run"));
    assert!(of_worker.iter().all(|span| !span.name.contains("/v1/")));
    check_run(&[of_front, of_worker].concat(), &job);
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn what_goes_wrong_is_said() {
    let collector = Collector::start();
    let server = Server::start(|config| config.traces = Some(collector.address.clone()));
    run(&server, Behaviour::Fails);
    drop(server);
    let spans = collector.spans();
    let run = only(&spans, "run");
    assert_eq!(text(&run.attributes, "blindsight.outcome"), "failed");
    assert_eq!(run.status.as_ref().unwrap().message, "failed");
}

#[test]
fn only_trusted_proxies_name_traces() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let names = |trusted: bool, parent: &str| {
        let collector = Collector::start();
        let server = Server::start(|config| {
            config.traces = Some(collector.address.clone());
            let local = [[127, 0, 0, 1].into()];
            config.trusted_proxies.extend(local.iter().filter(|_| trusted));
        });
        let sent = [("traceparent", parent), ("X-Forwarded-For", "192.0.2.1")];
        assert_eq!(server.send("GET", "/v1/models", &sent, &[]).status, 200);
        drop(server);
        let span = only(&collector.spans(), "GET /v1/models").clone();
        (span.trace_id, span.parent_span_id)
    };
    let (trace, span) = names(true, parent);
    assert_eq!(trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(span, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    let (other, none) = names(false, parent);
    assert!(other != trace && none.is_empty());
    assert!(names(true, "nonsense").1.is_empty());
}

#[test]
fn a_collector_that_is_away_is_nobodys_trouble() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(|config| config.traces = Some(format!("http://{away}")));
    let (keys, job) = run(&server, Behaviour::Works);
    assert_eq!(server.get(&job, &keys.capability).json()["state"], "done");
}

#[test]
fn without_a_collector_there_are_no_traces() {
    let server = Server::start(|_| {});
    if matches!(server.rows, Rows::Sqlite) {
        return;
    }
    run(&server, Behaviour::Works);
    assert_eq!(server.rows.number("SELECT count(*) FROM jobs WHERE trace IS NOT NULL"), 0);
}
