//! Byte ranges, one at a time and never more than a host can answer.

use reqwest::Response;

/// The most one answer carries: 4 MiB, which fits both hosts even as base64 (`hosting.md` 6.4, 7.3).
pub const RANGE_LIMIT: u64 = 4 * 1024 * 1024;

/// What a reader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From an offset, at most so many bytes.
    From {
        /// First byte.
        start: u64,
        /// At most [`RANGE_LIMIT`].
        length: u64,
    },
    /// The last so many bytes, at most [`RANGE_LIMIT`].
    Last(u64),
}

impl ByteRange {
    /// From the beginning, as much as one answer carries.
    pub const START: Self = Self::From { start: 0, length: RANGE_LIMIT };

    /// Parses a `Range` header. Anything but one plain range of bytes is `None`: RFC 9110 lets a
    /// server ignore it.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| text.parse().unwrap_or(u64::MAX))
        };
        match (first.trim(), last.trim()) {
            ("", count) => number(count).filter(|n| *n > 0).map(|n| Self::Last(n.min(RANGE_LIMIT))),
            (first, "") => number(first).map(|start| Self::From { start, length: RANGE_LIMIT }),
            (first, last) => {
                let (start, last) = (number(first)?, number(last)?);
                let length = last.checked_sub(start)?.saturating_add(1).min(RANGE_LIMIT);
                Some(Self::From { start, length })
            }
        }
    }

    /// The header we send on.
    pub(super) fn header(self) -> String {
        match self {
            Self::From { start, length } => {
                format!("bytes={start}-{}", start.saturating_add(length - 1))
            }
            Self::Last(count) => format!("bytes=-{count}"),
        }
    }
}

/// Offset and length within a whole of `total` bytes; `None` if it lies behind the end.
pub(super) fn window(range: ByteRange, total: u64) -> Option<(u64, u64)> {
    let (start, length) = match range {
        ByteRange::From { start, length } => (start, length),
        ByteRange::Last(count) => (total.saturating_sub(count), count),
    };
    (start < total).then(|| (start, length.min(total - start)))
}

/// First byte and total of `Content-Range: bytes 0-1/2`; a 416 has `bytes */2`.
pub(super) fn content_range(response: &Response) -> Option<(u64, u64)> {
    let header = response.headers().get("content-range")?.to_str().ok()?;
    parse_content_range(header)
}

fn parse_content_range(header: &str) -> Option<(u64, u64)> {
    let (range, total) = header.strip_prefix("bytes ")?.split_once('/')?;
    let start = match range.split_once('-') {
        Some((start, _)) => start.trim().parse().ok()?,
        None => 0,
    };
    Some((start, total.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn from(start: u64, length: u64) -> Option<ByteRange> {
        Some(ByteRange::From { start, length })
    }

    #[test]
    fn one_range_of_bytes_is_understood_and_capped() {
        assert_eq!(ByteRange::parse("bytes=0-"), from(0, RANGE_LIMIT));
        assert_eq!(ByteRange::parse("bytes=10-19"), from(10, 10));
        assert_eq!(ByteRange::parse("bytes=0-99999999"), from(0, RANGE_LIMIT));
        assert_eq!(ByteRange::parse("bytes=-500"), Some(ByteRange::Last(500)));
    }

    #[test]
    fn anything_else_counts_as_no_range() {
        let odd = [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=-0",
            "bytes=9-1",
            "items=0-1",
            "bytes=a-b",
            "bytes=0-1,5-6",
            "bytes=+1-2",
        ];
        for header in odd {
            assert_eq!(ByteRange::parse(header), None, "{header}");
        }
    }

    #[test]
    fn content_range_is_read_from_206_and_416() {
        assert_eq!(parse_content_range("bytes 5-9/100"), Some((5, 100)));
        assert_eq!(parse_content_range("bytes */100"), Some((0, 100)));
        assert_eq!(parse_content_range("bytes 5-9/*"), None);
    }

    proptest! {
        #[test]
        fn a_window_never_leaves_the_whole(header in "bytes=[0-9]{0,20}-[0-9]{0,20}", total: u64) {
            let Some(range) = ByteRange::parse(&header) else { return Ok(()) };
            if let Some((start, length)) = window(range, total) {
                prop_assert!(length > 0 && length <= RANGE_LIMIT);
                prop_assert!(start.checked_add(length).is_some_and(|end| end <= total));
            }
            prop_assert!(range.header().starts_with("bytes="));
        }
    }
}
