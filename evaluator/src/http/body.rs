//! Bodies: taken at a decent pace, never beyond a limit.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Payload};
use actix_web::{HttpMessage as _, HttpRequest};
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, Sleep};

use crate::config::Config;
use crate::refusal::{Code, Refusal};

/// The announced length of a body, if it was announced.
///
/// # Errors
/// `bad_request` if it is no number.
pub(super) fn announced_length(request: &HttpRequest) -> Result<Option<u64>, Refusal> {
    let Some(value) = request.headers().get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let malformed = || Refusal::new(Code::BadRequest, "Content-Length is not a number.");
    length.map(Some).ok_or_else(malformed)
}

/// Refuses bodies of another type.
///
/// # Errors
/// `wrong_content_type`.
pub(super) fn check_type(request: &HttpRequest, expected: &str) -> Result<(), Refusal> {
    if request.headers().contains_key(CONTENT_TYPE)
        && request.content_type().eq_ignore_ascii_case(expected)
    {
        return Ok(());
    }
    let detail = format!("The content type must be {expected}.");
    Err(Refusal::new(Code::ContentType, detail))
}

/// A whole body of at most `limit` bytes.
///
/// # Errors
/// `body_too_large`, `body_timeout`, `body_incomplete`.
pub(super) async fn read_all(
    request: &HttpRequest,
    payload: Payload,
    limit: u64,
    config: &Config,
) -> Result<Bytes, Refusal> {
    let announced = announced_length(request)?;
    let too_large = || {
        let detail = format!("The body can have at most {limit} bytes.");
        Refusal::new(Code::BodyTooLarge, detail)
    };
    if announced.is_some_and(|length| length > limit) {
        drain(payload).await;
        return Err(too_large());
    }
    let mut body = PacedBody::new(payload, config);
    // Announced lengths are within the limit, which is small.
    let capacity = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut bytes = BytesMut::with_capacity(capacity);
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        if (bytes.len() + chunk.len()) as u64 > limit {
            drain(body.into_payload()).await;
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Takes what is left of a body that nobody wants, within reason: a client that is still sending
/// does not listen, and would not hear why it was refused.
pub(super) async fn drain(mut payload: Payload) {
    let take = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(chunk)) = payload.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // Whoever is slower than this misses the reason.
    let _ = tokio::time::timeout(DRAIN_TIME, take).await;
}

const DRAIN_BYTES: usize = 32 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// A body that ends with an error when it comes too slowly: after a long pause, or when it falls
/// behind a slowest rate.
pub(super) struct PacedBody {
    payload: Payload,
    pause: Duration,
    rate: u64,
    started: Instant,
    received: u64,
    timer: Pin<Box<Sleep>>,
}

/// How long a body may be below the rate: connections start slowly.
const GRACE: Duration = Duration::from_secs(30);

impl PacedBody {
    pub(super) fn new(payload: Payload, config: &Config) -> Self {
        let pause = Duration::from_secs(config.body_pause_seconds);
        let timer = Box::pin(tokio::time::sleep(pause));
        let rate = config.body_rate.max(1);
        Self { payload, pause, rate, started: Instant::now(), received: 0, timer }
    }

    /// What has not been taken.
    pub(super) fn into_payload(self) -> Payload {
        self.payload
    }

    fn reset(&mut self) {
        let by_rate = self.started + GRACE + Duration::from_secs(self.received / self.rate);
        let by_pause = Instant::now() + self.pause;
        self.timer.as_mut().reset(by_rate.min(by_pause));
    }
}

impl Stream for PacedBody {
    type Item = Result<Bytes, Refusal>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.payload.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                this.received += bytes.len() as u64;
                this.reset();
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(refusal_of(&error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match this.timer.as_mut().poll(cx) {
                Poll::Ready(()) => {
                    let detail = "The body came too slowly; send it again or resume.";
                    Poll::Ready(Some(Err(Refusal::new(Code::BodyTimeout, detail))))
                }
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

fn refusal_of(error: &PayloadError) -> Refusal {
    match error {
        PayloadError::Overflow => Refusal::new(Code::BodyTooLarge, "The body is too large."),
        _ => Refusal::new(Code::BodyIncomplete, "The body ended before its announced length."),
    }
}
