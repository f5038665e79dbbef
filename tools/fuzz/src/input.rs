//! How bytes are read as a few lines and a rest.

/// The first `N` lines and what follows them. A line that is no text is empty.
pub(crate) fn lines<const N: usize>(data: &[u8]) -> ([&str; N], &[u8]) {
    let mut rest = data;
    let lines = std::array::from_fn(|_| {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = match end {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &[][..]),
        };
        rest = after;
        std::str::from_utf8(line).unwrap_or_default()
    });
    (lines, rest)
}

/// `line`, or what stands for an empty one.
pub(crate) fn or<'a>(line: &'a str, otherwise: &'a str) -> &'a str {
    if line.is_empty() { otherwise } else { line }
}
