//! MPEG Layer III by hand: a tone needs one number per frame, so it needs no encoder.
//!
//! MPEG-2, 32 kbit/s (Twilio's rate), 24 kHz: a frame is 96 bytes and 24 ms without padding. In each
//! granule a single frequency line has the value 1 or -1; signs that turn over every two frames keep
//! its phase going, which a decoder plays as a steady tone. Four frames, repeated, are every recording.

/// Bytes of a frame.
const FRAME: usize = 96;
const FRAMES_PER_3_S: usize = 125;
/// Pairs of empty lines below the one that sounds: about 344 Hz and 510 Hz.
const PAIRS_BELOW: [u32; 2] = [8, 12];
/// The volume: 210 would be full scale divided by 2^15, every 4 double it.
const GLOBAL_GAIN: u32 = 198;

/// Bytes of a recording of so many seconds.
pub(crate) fn len(seconds: usize) -> usize {
    (seconds * FRAMES_PER_3_S).div_ceil(3) * FRAME
}

/// The bytes from `start` up to and without `end`.
pub(crate) fn bytes(channels: u32, start: usize, end: usize) -> Vec<u8> {
    let frames = [false, false, true, true].map(|negative| frame(channels, negative));
    (start..end).map(|at| frames[at / FRAME % 4][at % FRAME]).collect()
}

fn frame(channels: u32, negative: bool) -> [u8; FRAME] {
    // Sync, MPEG-2 Layer III without CRC, 32 kbit/s at 24 kHz; mode 11 mono, 00 stereo.
    let mode = if channels == 1 { 0xC0 } else { 0x00 };
    let mut bits = Bits::default();
    bits.push(0xFFF3_4400 | mode, 32);
    // main_data_begin 0, then private bits: one for mono, two for stereo.
    bits.push(0, 8 + channels);
    let tones = PAIRS_BELOW.iter().take(channels as usize);
    for pairs in tones.clone() {
        bits.push(pairs + 3, 12); // part2_3_length: what the loop below writes
        bits.push(pairs + 1, 9); // big_values
        bits.push(GLOBAL_GAIN, 8);
        bits.push(0, 9 + 1); // scalefac_compress, window_switching_flag
        bits.push(0b00001_00001_00001, 15); // table_select: Huffman table 1 everywhere
        bits.push(0, 4 + 3 + 1 + 1); // region counts, scalefac_scale, count1table_select
    }
    for pairs in tones {
        // Table 1: `1` is the pair (0, 0), `01` the pair (1, 0), and then its sign.
        bits.push((1 << pairs) - 1, *pairs);
        bits.push(0b010 | u32::from(negative), 3);
    }
    bits.bytes
}

/// Most significant bit first.
struct Bits {
    bytes: [u8; FRAME],
    at: usize,
}

impl Default for Bits {
    fn default() -> Self {
        Self { bytes: [0; FRAME], at: 0 }
    }
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            if let Some(byte) = self.bytes.get_mut(self.at / 8) {
                *byte |= ((value >> bit & 1) as u8) << (7 - self.at % 8);
            }
            self.at += 1;
        }
    }
}
