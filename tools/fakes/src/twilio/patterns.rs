//! What a number does when it is rung.

/// Decided by the last two digits of `To`:
///
/// | digits | what happens |
/// | --- | --- |
/// | `01` | busy (SIP 486) |
/// | `02` | nobody answers within `Timeout` (SIP 487) |
/// | `03` | the call fails (SIP 404) |
/// | `04` | voicemail: `machine_start`, with `DetectMessageEnd` `machine_end_beep` |
/// | `05` | the 201 is lost, the call goes on |
/// | `06` | canceled while ringing |
/// | `07` | answers and hangs up at once; a recording is absent (16101) |
/// | `08` | a call of 300 s, whose WAV recording is over 4 MiB |
/// | any other | answers and talks |
///
/// A caller who rings in always gets through: for the digits of `From` only `07` and `08` count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `01`
    Busy,
    /// `02`
    NoAnswer,
    /// `03`
    Failed,
    /// `04`
    Voicemail,
    /// `05`
    ReplyLost,
    /// `06`
    Canceled,
    /// `07`
    HangsUp,
    /// `08`
    Long,
    /// Any other number.
    Talks,
}

impl Pattern {
    /// The pattern of a number.
    #[must_use]
    pub fn of(number: &str) -> Self {
        match number.get(number.len().saturating_sub(2)..) {
            Some("01") => Self::Busy,
            Some("02") => Self::NoAnswer,
            Some("03") => Self::Failed,
            Some("04") => Self::Voicemail,
            Some("05") => Self::ReplyLost,
            Some("06") => Self::Canceled,
            Some("07") => Self::HangsUp,
            Some("08") => Self::Long,
            _ => Self::Talks,
        }
    }
}
