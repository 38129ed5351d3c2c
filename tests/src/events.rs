//! Server-sent events.

use std::io;
use std::net::SocketAddr;

use crate::http::{Chunks, Request, Response};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What `Last-Event-ID` would be.
    pub id: i64,
    /// Its type.
    pub kind: String,
    /// Its data.
    pub data: String,
}

/// What comes out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Event(Event),
    /// A comment that keeps the connection open.
    Heartbeat,
}

/// An open stream.
#[derive(Debug)]
pub struct EventStream {
    /// Status and headers.
    pub head: Response,
    body: Chunks,
}

impl EventStream {
    /// Opens a stream.
    ///
    /// # Errors
    /// The answer, if it is no stream; or that there is none.
    pub fn open(address: SocketAddr, request: &Request<'_>) -> io::Result<Result<Self, Response>> {
        let (head, body) = request.open(address)?;
        let is_stream = head.header("content-type") == Some("text/event-stream");
        Ok(if head.status == 200 && is_stream { Ok(Self { head, body }) } else { Err(head) })
    }

    /// The next event, heartbeats passed over; `None` at the proper end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn event(&mut self) -> io::Result<Option<Event>> {
        loop {
            match self.item()? {
                Some(Item::Event(event)) => return Ok(Some(event)),
                Some(Item::Heartbeat) => {}
                None => return Ok(None),
            }
        }
    }

    /// What comes next; `None` at the proper end.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no stream of events.
    pub fn item(&mut self) -> io::Result<Option<Item>> {
        let mut event = Event { id: -1, kind: String::new(), data: String::new() };
        let mut comments = false;
        while let Some(line) = self.body.line()? {
            if line.is_empty() {
                if !event.data.is_empty() {
                    return Ok(Some(Item::Event(event)));
                }
                if comments {
                    return Ok(Some(Item::Heartbeat));
                }
                // An advice on reconnection.
                continue;
            }
            match line.split_once(':') {
                Some(("", _)) => comments = true,
                Some(("id", id)) => event.id = id.trim().parse().map_err(io::Error::other)?,
                Some(("event", kind)) => kind.trim().clone_into(&mut event.kind),
                Some(("data", data)) => event.data.push_str(data.trim()),
                Some(("retry", _)) => {}
                _ => return Err(io::Error::other(format!("no line of an event: {line:?}"))),
            }
        }
        Ok(None)
    }
}
