//! Audio that needs no file: every byte of a recording follows from its SID.

use crate::{mp3, recording_sid::Recorded};
use std::f64::consts::TAU;
use std::sync::OnceLock;

/// Twilio's recordings are 8 kHz, 16 bit.
const SAMPLE_RATE: usize = 8000;
const WAV_HEADER: usize = 44;

/// In what form a recording is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// RIFF, PCM, one tone per channel: channel 1 low, channel 2 higher.
    Wav,
    /// The low tone again, and the higher one in channel 2; see [`mp3`].
    Mp3,
}

impl Format {
    /// The `Content-Type` that Twilio sends.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/x-wav",
            Self::Mp3 => "audio/mpeg",
        }
    }

    /// Bytes in all.
    pub(crate) fn len(self, recorded: Recorded) -> usize {
        let seconds = recorded.seconds as usize;
        match self {
            Self::Wav => WAV_HEADER + seconds * SAMPLE_RATE * 2 * recorded.channels as usize,
            Self::Mp3 => mp3::len(seconds),
        }
    }

    /// The bytes from `start` up to and without `end`.
    pub(crate) fn bytes(self, recorded: Recorded, start: usize, end: usize) -> Vec<u8> {
        match self {
            Self::Wav => {
                let header = wav_header(recorded, self.len(recorded));
                (start..end)
                    .map(|at| match header.get(at) {
                        Some(byte) => *byte,
                        None => wav_byte(recorded, at - WAV_HEADER),
                    })
                    .collect()
            }
            Self::Mp3 => mp3::bytes(recorded.channels, start, end),
        }
    }
}

fn wav_header(recorded: Recorded, len: usize) -> Vec<u8> {
    let channels = recorded.channels;
    // At most 65,535 s of 32,000 bytes: fits into 32 bits.
    let len = len as u32;
    let rate = SAMPLE_RATE as u32;
    let mut header = Vec::with_capacity(WAV_HEADER);
    header.extend_from_slice(b"RIFF");
    header.extend_from_slice(&(len - 8).to_le_bytes());
    header.extend_from_slice(b"WAVEfmt ");
    header.extend_from_slice(&16_u32.to_le_bytes());
    header.extend_from_slice(&1_u16.to_le_bytes());
    header.extend_from_slice(&(channels as u16).to_le_bytes());
    header.extend_from_slice(&rate.to_le_bytes());
    header.extend_from_slice(&(rate * channels * 2).to_le_bytes());
    header.extend_from_slice(&((channels * 2) as u16).to_le_bytes());
    header.extend_from_slice(&16_u16.to_le_bytes());
    header.extend_from_slice(b"data");
    header.extend_from_slice(&(len - WAV_HEADER as u32).to_le_bytes());
    header
}

fn wav_byte(recorded: Recorded, at: usize) -> u8 {
    let channels = recorded.channels as usize;
    let sample = at / 2;
    let channel = sample % channels;
    // The SID moves the tones a little, so that two recordings can be told apart by ear.
    let frequency = [330, 523][channel.min(1)] + (recorded.chance % 110) as usize;
    // Frequencies are whole hertz, so one second of sine holds every sample of every tone.
    let phase = (sample / channels) * frequency % SAMPLE_RATE;
    sine()[phase].to_le_bytes()[at % 2]
}

/// One period in [`SAMPLE_RATE`] steps, at a volume that frightens nobody.
fn sine() -> &'static [i16] {
    static SINE: OnceLock<Vec<i16>> = OnceLock::new();
    SINE.get_or_init(|| {
        (0..SAMPLE_RATE)
            .map(|step| ((step as f64 / SAMPLE_RATE as f64 * TAU).sin() * 6000.0) as i16)
            .collect()
    })
}
