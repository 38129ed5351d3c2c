//! The table: every row is asked once, all that are wrong are reported together.

use std::io;

use blindsight_tests::api::Api;
use blindsight_tests::http::{Request, Response};

use crate::world::World;

/// Rows that were asked.
pub(crate) struct Table {
    area: &'static str,
    rows: Vec<Row>,
    wrong: Vec<String>,
}

struct Row {
    name: String,
    answer: Response,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { area: "", rows: Vec::new(), wrong: Vec::new() }
    }

    /// The rows that follow belong to this area.
    pub(crate) fn area(&mut self, name: &'static str) {
        self.area = name;
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// A request that must be refused with this status and code.
    pub(crate) fn refused(
        &mut self,
        api: &Api,
        (status, code): (u16, &str),
        name: &str,
        request: &Request<'_>,
    ) {
        match request.exchange(api.address) {
            Ok(answer) => self.refusal((status, code), name, answer),
            Err(error) => self.wrong(name, &format!("no answer: {error}")),
        }
    }

    /// An answer that must be this refusal.
    pub(crate) fn refusal(&mut self, (status, code): (u16, &str), name: &str, answer: Response) {
        if (answer.status, answer.code().as_str()) != (status, code) {
            self.wrong(name, &format!("{status} {code} expected, not {answer}"));
        } else if let Err(problem) = check_problem(&answer) {
            self.wrong(name, &format!("{problem}: {answer}"));
        }
        self.answered(name, answer);
    }

    /// An answer without a body of its own: to HEAD, or to what is not HTTP.
    pub(crate) fn bare(&mut self, status: u16, name: &str, answer: Response) {
        if answer.status != status {
            self.wrong(name, &format!("{status} expected, not {answer}"));
        }
        if !answer.body.is_empty() {
            self.wrong(name, &format!("no body expected: {answer}"));
        }
        self.answered(name, answer);
    }

    /// A row that is not answered: the connection ends.
    pub(crate) fn hung_up(&mut self, name: &str, answer: io::Result<Response>) {
        match answer {
            Ok(answer) => self.wrong(name, &format!("no answer expected: {answer}")),
            Err(error) if is_end(&error) => {
                self.answered(name, Response { status: 0, headers: Vec::new(), body: Vec::new() });
            }
            Err(error) => self.wrong(name, &format!("the connection does not end: {error}")),
        }
    }

    /// A row whose answer is no refusal: a service may be generous in what it takes.
    pub(crate) fn accepted(&mut self, status: u16, name: &str, answer: Response) {
        if answer.status != status {
            self.wrong(name, &format!("{status} expected, not {answer}"));
        }
        self.answered(name, answer);
    }

    /// Something is wrong with a row.
    pub(crate) fn wrong(&mut self, name: &str, what: &str) {
        self.wrong.push(format!("{}: {name}: {what}", self.area));
    }

    fn answered(&mut self, name: &str, answer: Response) {
        let name = format!("{}: {name}", self.area);
        if self.rows.iter().any(|row| row.name == name) {
            self.wrong.push(format!("{name}: a second row of this name"));
        }
        self.rows.push(Row { name, answer });
    }

    /// Fails if anything was wrong.
    pub(crate) fn assert_all_right(&mut self, world: &World) {
        for Row { name, answer } in &self.rows {
            let headers = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
            let text = headers.collect::<String>() + &String::from_utf8_lossy(&answer.body);
            for word in world.inside() {
                if text.contains(&word) {
                    self.wrong.push(format!("{name}: names {word:?}: {answer}"));
                }
            }
        }
        let (wrong, rows) = (self.wrong.len(), self.rows.len());
        assert!(wrong == 0, "{wrong} wrong, of {rows} rows:\n{}", self.wrong.join("\n"));
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// Checks that an answer is problem details (RFC 9457) that a person can read.
fn check_problem(answer: &Response) -> Result<(), &'static str> {
    let problem = answer.json();
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let (code, title, detail) = (text("code"), text("title"), text("detail"));
    if answer.header("content-type") != Some("application/problem+json") {
        return Err("another content type");
    }
    if answer.header("x-request-id").is_none() {
        return Err("no request id");
    }
    if problem["status"] != answer.status
        || text("type") != format!("urn:blindsight:problem:{code}")
    {
        return Err("status or type do not agree");
    }
    let is_sentence = detail.len() > 10
        && detail.ends_with('.')
        && detail.starts_with(|first: char| !first.is_lowercase())
        && detail.contains(' ');
    if title.is_empty() || !is_sentence || answer.body.len() > 1000 {
        return Err("no sentence");
    }
    if answer.status == 429 && answer.number("Retry-After").is_none_or(|seconds| seconds == 0) {
        return Err("no Retry-After");
    }
    Ok(())
}
