//! The name of a span for others, as W3C Trace Context writes it in the header `traceparent`.

use std::fmt::{self, Display};
use std::str::FromStr;

use thiserror::Error;

/// A span somewhere, and whether its trace is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    is_sampled: bool,
}

/// A text that names no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is no traceparent of version 00")]
pub struct NoParent;

/// The bit of the flags that says that a trace is kept.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// A span of a trace; nothing where one of the names is zero, which stands for none.
    #[must_use]
    pub const fn new(trace: u128, span: u64, is_sampled: bool) -> Option<Self> {
        if trace == 0 || span == 0 { None } else { Some(Self { trace, span, is_sampled }) }
    }

    /// The trace.
    #[must_use]
    pub const fn trace(self) -> u128 {
        self.trace
    }

    /// The span.
    #[must_use]
    pub const fn span(self) -> u64 {
        self.span
    }

    /// Whether the trace is kept.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.is_sampled
    }
}

impl Display for TraceParent {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled) * SAMPLED;
        write!(to, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

impl FromStr for TraceParent {
    type Err = NoParent;

    fn from_str(text: &str) -> Result<Self, NoParent> {
        let fields: Vec<&str> = text.split('-').collect();
        let &["00", trace, span, flags] = fields.as_slice() else { return Err(NoParent) };
        let number = |digits: &str, count| {
            let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let fits = digits.len() == count && digits.bytes().all(is_hex);
            fits.then(|| u128::from_str_radix(digits, 16).ok()).flatten().ok_or(NoParent)
        };
        let (trace, span, flags) = (number(trace, 32)?, number(span, 16)?, number(flags, 2)?);
        Self::new(trace, span as u64, flags as u8 & SAMPLED != 0).ok_or(NoParent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for is_sampled in [false, true] {
            let parent = TraceParent::new(0xab, u64::MAX, is_sampled).unwrap();
            assert_eq!(parent.to_string().parse(), Ok(parent));
        }
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent: TraceParent = text.parse().unwrap();
        assert_eq!((parent.span(), parent.is_sampled()), (0xb7ad_6b71_6920_3331, true));
        assert_eq!(parent.to_string(), text);
    }

    #[test]
    fn nonsense_names_no_span() {
        let wrong = [
            "",
            "00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-02",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-1",
        ];
        for text in wrong {
            assert_eq!(text.parse::<TraceParent>(), Err(NoParent), "{text}");
        }
    }
}
