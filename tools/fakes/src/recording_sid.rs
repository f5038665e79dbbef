//! RecordingSids that remember what they stand for.
//!
//! A demo restarts, its page still lists yesterday's recordings, and the fakes have no disk. So
//! the number of channels and the length are written into the SID, behind a mark.

/// How long the recording of a SID from elsewhere is, in seconds.
const DEFAULT_SECONDS: u32 = 6;
const MARK: &str = "5ec";

/// A RecordingSid for a recording of `channels` (1 or 2) and `seconds` (up to 65,535): a way for
/// tests to get a recording of any size. `chance` makes it unique and chooses the tones.
#[must_use]
pub fn recording_sid(chance: u64, channels: u8, seconds: u16) -> String {
    // Filler that looks like the rest; only the 16 digits after it carry chance.
    let filler = chance.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let channels = channels.clamp(1, 2);
    format!("RE{filler:08x}{chance:016x}{MARK}{channels:x}{seconds:04x}")
}

/// What a RecordingSid stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) chance: u64,
    pub(crate) channels: u32,
    /// 0: there is nothing to hear, so there are no media.
    pub(crate) seconds: u32,
}

impl Recorded {
    /// `None` if it is not a RecordingSid at all.
    pub(crate) fn parse(sid: &str) -> Option<Self> {
        let digits = sid.strip_prefix("RE")?;
        if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let (random, tail) = digits.split_at(24);
        let chance = u64::from_str_radix(random.get(8..)?, 16).ok()?;
        let known = tail.strip_prefix(MARK).and_then(|tail| {
            let (channels, seconds) = tail.split_at(1);
            let channels = u32::from_str_radix(channels, 16).ok()?;
            let seconds = u32::from_str_radix(seconds, 16).ok()?;
            matches!(channels, 1 | 2).then_some((channels, seconds))
        });
        let (channels, seconds) = known.unwrap_or((2, DEFAULT_SECONDS));
        Some(Self { chance, channels, seconds })
    }
}
