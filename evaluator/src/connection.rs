//! Connections that make progress: whoever asks and then does not read is cut off.

use std::future::Future as _;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::places::Place;

/// How slowly a client may read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadingPace {
    /// Longest pause.
    pub(crate) pause: Duration,
    /// Bytes a second.
    pub(crate) rate: u64,
}

/// A connection whose writes end with an error when the other side does not take them.
pub(crate) struct Connection {
    stream: TcpStream,
    pace: ReadingPace,
    /// While something waits to be written: when it must have got on.
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Counts the connection as long as it is open.
    _place: Option<Place>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, pace: ReadingPace, place: Option<Place>) -> Self {
        Self { stream, pace, deadline: None, timer: None, _place: place }
    }

    /// Nothing can be written at this moment.
    fn stalled(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let deadline = *self.deadline.get_or_insert(Instant::now() + self.pace.pause);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));
        let text = "the other side does not read";
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, text)))
    }

    /// So much was written. A trickle buys little time.
    fn moved(&mut self, bytes: usize) {
        if let Some(deadline) = &mut self.deadline {
            let bought = Duration::from_secs_f64(bytes as f64 / self.pace.rate.max(1) as f64);
            *deadline = (*deadline + bought).min(Instant::now() + self.pace.pause);
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Pending => self.stalled(cx),
            Poll::Ready(Ok(count)) => {
                self.moved(count);
                Poll::Ready(Ok(count))
            }
            failed => failed,
        }
    }

    /// Comes when all that there was is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.deadline = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair(pace: ReadingPace) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        (Connection::new(accepted.unwrap().0, pace, None), client.unwrap())
    }

    const MUCH: usize = 64 << 20;

    #[actix_web::test]
    async fn who_does_not_read_is_cut_off() {
        let pace = ReadingPace { pause: Duration::from_millis(200), rate: 1 << 20 };
        let (mut server, client) = pair(pace).await;
        let start = Instant::now();
        let error = server.write_all(&vec![0; MUCH]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() < Duration::from_secs(10));
        drop(client);
    }

    #[actix_web::test]
    async fn who_reads_slowly_but_fast_enough_gets_everything() {
        let pace = ReadingPace { pause: Duration::from_millis(400), rate: 1 << 20 };
        let (mut server, mut client) = pair(pace).await;
        let reader = actix_web::rt::spawn(async move {
            let (mut total, mut buffer) = (0, vec![0; 1 << 20]);
            while total < MUCH {
                tokio::time::sleep(Duration::from_millis(5)).await;
                total += client.read(&mut buffer).await.unwrap();
            }
        });
        let write = async {
            server.write_all(&vec![0; MUCH]).await.unwrap();
            server.flush().await.unwrap();
        };
        write.await;
        // Idle connections have no deadline.
        tokio::time::sleep(Duration::from_millis(600)).await;
        server.write_all(b"x").await.unwrap();
        reader.await.unwrap();
    }

    #[actix_web::test]
    async fn a_trickle_buys_little_time() {
        let pace = ReadingPace { pause: Duration::from_millis(300), rate: 64 << 20 };
        let (mut server, mut client) = pair(pace).await;
        let reader = actix_web::rt::spawn(async move {
            let mut buffer = vec![0; 64 << 10];
            while matches!(client.read(&mut buffer).await, Ok(1..)) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let error = server.write_all(&vec![0; MUCH]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(server);
        reader.await.unwrap();
    }
}
