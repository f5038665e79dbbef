//! Byte ranges, one at a time and never more than a host can answer.

use reqwest::Response;

/// The most one answer carries: 4 MiB, which fits both hosts even as base64.
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

/// What a 206 says that it brings: bytes of a whole, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) total: u64,
}

impl Part {
    /// `Content-Range: bytes 0-1/2`. None where that is no part of a whole of known size.
    fn parse(header: &str) -> Option<Self> {
        let (range, total) = header.strip_prefix("bytes ")?.split_once('/')?;
        let (start, last) = range.split_once('-')?;
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let (start, last, total) = (number(start)?, number(last)?, number(total)?);
        (last < total).then_some(())?;
        Some(Self { start, length: last.checked_sub(start)? + 1, total })
    }

    pub(super) fn of(response: &Response) -> Option<Self> {
        Self::parse(header(response)?)
    }

    /// Whether it is an answer to `range`: its beginning, and no more than was asked for.
    pub(super) fn answers(self, range: ByteRange) -> bool {
        window(range, self.total)
            .is_some_and(|(start, length)| self.start == start && self.length <= length)
    }

    pub(super) fn is_whole(self) -> bool {
        self.length == self.total
    }
}

/// The size of the whole in a 416: `Content-Range: bytes */2`.
pub(super) fn unsatisfied(response: &Response) -> Option<u64> {
    header(response)?.strip_prefix("bytes */")?.trim().parse().ok()
}

fn header(response: &Response) -> Option<&str> {
    response.headers().get("content-range")?.to_str().ok()
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
    fn a_content_range_is_a_part_of_a_whole_or_nothing() {
        let part = Part { start: 5, length: 5, total: 100 };
        assert_eq!(Part::parse("bytes 5-9/100"), Some(part));
        let last = u64::MAX - 1;
        let part = Part { start: last, length: 1, total: u64::MAX };
        assert_eq!(Part::parse(&format!("bytes {last}-{last}/{}", u64::MAX)), Some(part));
        for header in
            ["", "bytes */100", "bytes 5-9/*", "bytes 9-5/100", "bytes 0-100/100", "bytes -5/9"]
        {
            assert_eq!(Part::parse(header), None, "{header}");
        }
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

        #[test]
        fn a_part_never_leaves_its_whole(first: u64, last: u64, total: u64, range in "bytes=[0-9]{0,20}-[0-9]{0,20}") {
            let Some(part) = Part::parse(&format!("bytes {first}-{last}/{total}")) else { return Ok(()) };
            prop_assert!(part.start + (part.length - 1) < part.total);
            let Some(range) = ByteRange::parse(&range) else { return Ok(()) };
            prop_assert!(!part.answers(range) || part.length <= RANGE_LIMIT);
        }
    }
}
