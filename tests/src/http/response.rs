//! Answers.

use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Body, without its transfer coding.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// A header that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.parse().ok()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The code of a refusal; empty if it has none.
    pub fn code(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        json.and_then(|json| Some(json.get("code")?.as_str()?.to_owned())).unwrap_or_default()
    }

    /// The answer, if it has this status.
    ///
    /// # Panics
    /// If it has another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    pub(super) fn read(stream: &mut impl BufRead, no_body: bool) -> io::Result<Self> {
        let mut response = Self::read_head(stream)?;
        if no_body || matches!(response.status, 204 | 304) {
            return Ok(response);
        }
        if let Some(length) = response.number("content-length") {
            response.body = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            stream.read_exact(&mut response.body)?;
        } else if response.header("transfer-encoding") == Some("chunked") {
            Dechunk { stream, left: 0, ended: false }.read_to_end(&mut response.body)?;
        } else {
            stream.read_to_end(&mut response.body)?;
        }
        Ok(response)
    }

    pub(super) fn read_head(stream: &mut impl BufRead) -> io::Result<Self> {
        let malformed = |line: &str| io::Error::other(format!("no head of an answer: {line:?}"));
        let first = line(stream)?;
        let status = first.strip_prefix("HTTP/1.1 ").or(first.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.ok_or_else(|| malformed(&first))?;
        let mut headers = Vec::new();
        loop {
            let line = line(stream)?;
            if line.is_empty() {
                return Ok(Self { status, headers, body: Vec::new() });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.body[..self.body.len().min(500)];
        write!(f, "{} with {:?}", self.status, String::from_utf8_lossy(start))
    }
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    // Heads are short; what is longer is none.
    let read = stream.by_ref().take(1 << 16).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = String::from_utf8(line).map_err(io::Error::other)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The body of an answer that is still coming.
#[derive(Debug)]
pub struct Chunks {
    lines: BufReader<Dechunk<BufReader<TcpStream>>>,
}

impl Chunks {
    pub(super) fn new(stream: BufReader<TcpStream>) -> Self {
        Self { lines: BufReader::new(Dechunk { stream, left: 0, ended: false }) }
    }

    /// The next line without its end; `None` after the last.
    ///
    /// # Errors
    /// When the connection breaks or is silent for too long.
    pub fn line(&mut self) -> io::Result<Option<String>> {
        match line(&mut self.lines) {
            Ok(line) => Ok(Some(line)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.has_ended() => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the body came to its proper end, as against a broken connection.
    fn has_ended(&self) -> bool {
        self.lines.get_ref().ended
    }
}

/// Takes off the chunked transfer coding.
#[derive(Debug)]
struct Dechunk<R> {
    stream: R,
    left: usize,
    ended: bool,
}

impl<R: BufRead> Read for Dechunk<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.ended {
            let size = line(&mut self.stream)?;
            let size = size.split(';').next().unwrap_or_default();
            self.left = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            self.ended = self.left == 0;
            if self.ended {
                line(&mut self.stream)?;
            }
        }
        if self.ended {
            return Ok(0);
        }
        let most = buffer.len().min(self.left);
        let read = self.stream.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        if self.left == 0 {
            line(&mut self.stream)?;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Response> {
        Response::read(&mut text.as_bytes(), false)
    }

    #[test]
    fn bodies_end_where_they_end() {
        let head = "HTTP/1.1 200 OK\r\nX: y: z\r\n";
        let response = read(&format!("{head}Content-Length: 3\r\n\r\nabcd")).unwrap();
        assert_eq!((response.status, &response.body[..]), (200, &b"abc"[..]));
        assert_eq!(response.header("x"), Some("y: z"));
        let chunked = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        assert_eq!(read(&format!("{head}{chunked}")).unwrap().body, b"abcde");
        assert_eq!(read(&format!("{head}\r\nabc")).unwrap().body, b"abc");
    }

    #[test]
    fn broken_answers_are_errors() {
        for wrong in [
            "",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
