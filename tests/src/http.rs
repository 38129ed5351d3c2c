//! HTTP/1.1 by hand: a decent client would not send half of what the tests must send.

mod response;

use std::borrow::Cow;
use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

pub use response::{Chunks, Response};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

/// A request that is sent as it is written, on a connection of its own.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Cow<'a, [u8]>>,
    from: Option<Ipv4Addr>,
}

impl<'a> Request<'a> {
    /// A request without a body. `target` is not touched, whatever it holds.
    pub fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, headers: Vec::new(), body: None, from: None }
    }

    /// From this address: all of 127.0.0.0/8 is this machine.
    #[must_use]
    pub fn from(mut self, address: Option<Ipv4Addr>) -> Self {
        self.from = address;
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without the headers of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self
    }

    /// With a body of this content type.
    #[must_use]
    pub fn body(self, kind: &str, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        let mut request = self.header("Content-Type", kind);
        request.body = Some(bytes.into());
        request
    }

    /// The bytes before the body. A body's length is announced unless a header says something else
    /// of it.
    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut add = |name: &str, value: &str| {
            head.push_str(&format!("{name}: {value}\r\n"));
        };
        let given = |names: &[&str]| {
            let is_given =
                |name: &&str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
            names.iter().any(is_given)
        };
        if !given(&["Host"]) {
            add("Host", "localhost");
        }
        if !given(&["Connection"]) {
            add("Connection", "close");
        }
        if let Some(body) = &self.body
            && !given(&["Content-Length", "Transfer-Encoding"])
        {
            add("Content-Length", &body.len().to_string());
        }
        for (name, value) in &self.headers {
            add(name, value);
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Sends the request and reads the answer.
    ///
    /// # Errors
    /// When there is no answer within [`PATIENCE`].
    pub fn exchange(&self, address: SocketAddr) -> io::Result<Response> {
        let mut connection = Connection::open_from(self.from, address)?;
        connection.send(&self.head())?;
        if let Some(body) = &self.body {
            // A server that has seen enough answers and hangs up; the answer is what counts.
            let _ = connection.send(body);
        }
        connection.receive(&self.method)
    }

    /// Sends the request and leaves the body of the answer, which may go on for long, unread.
    ///
    /// # Errors
    /// When there is no head of an answer.
    pub fn open(&self, address: SocketAddr) -> io::Result<(Response, Chunks)> {
        let mut connection = Connection::open_from(self.from, address)?;
        connection.send(&self.head())?;
        let Connection { mut stream } = connection;
        stream.get_mut().set_read_timeout(Some(PATIENCE))?;
        let head = Response::read_head(&mut stream)?;
        Ok((head, Chunks::new(stream)))
    }
}

/// How long an answer, or the next bytes of one, may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A connection on which anything can be said.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Self::with(TcpStream::connect_timeout(&address, PATIENCE)?)
    }

    fn with(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Connects from an address of this machine.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open_from(from: Option<Ipv4Addr>, address: SocketAddr) -> io::Result<Self> {
        let Some(from) = from else { return Self::open(address) };
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddrV4::new(from, 0))?;
        connect(&socket, &address)?;
        Self::with(TcpStream::from(socket))
    }

    /// Says these bytes.
    ///
    /// # Errors
    /// When the other side hung up.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Says that nothing more will be said.
    ///
    /// # Errors
    /// When the other side hung up.
    pub fn end(&mut self) -> io::Result<()> {
        self.stream.get_ref().shutdown(std::net::Shutdown::Write)
    }

    /// Reads the answer to a request with this method.
    ///
    /// # Errors
    /// When it is none, or does not come within [`PATIENCE`].
    pub fn receive(&mut self, method: &str) -> io::Result<Response> {
        Response::read(&mut self.stream, method == "HEAD")
    }
}
