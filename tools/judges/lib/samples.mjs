import { ACCOUNT_SID } from './simulated.mjs';

// What Twilio's webhooks look like (Twilio's docs, TwiML voice and status callbacks). Numbers and SIDs are invented; empty
// fields, accents, spaces and signs that a form must encode are as Twilio sends them.
export const CALL_NUMBERS = ['+15017122661', '+15558675310'];
const [FROM, TO] = CALL_NUMBERS;

const call = (CallSid, CallStatus) => ({
  CallSid,
  AccountSid: ACCOUNT_SID,
  From: FROM,
  To: TO,
  Called: TO,
  Caller: FROM,
  ApiVersion: '2010-04-01',
  Direction: 'outbound-api',
  FromCity: '',
  FromCountry: 'US',
  ToCity: 'SAN FRANCISCO',
  ToState: 'CA',
  ToZip: '',
  ToCountry: 'US',
  CallStatus,
});

const progress = (CallSid, CallStatus, SequenceNumber) => ({
  ...call(CallSid, CallStatus),
  CallbackSource: 'call-progress-events',
  SequenceNumber,
  Timestamp: 'Sun, 22 Nov 2026 10:06:51 +0000',
});

const recording = (CallSid, RecordingStatus, more) => ({
  AccountSid: ACCOUNT_SID,
  CallSid,
  RecordingSid: 'RE22222222222222222222222222222222',
  RecordingUrl: `https://api.twilio.com/2010-04-01/Accounts/${ACCOUNT_SID}/Recordings/RE22222222222222222222222222222222`,
  RecordingStatus,
  RecordingChannels: '2',
  RecordingStartTime: 'Sun, 22 Nov 2026 10:06:09 +0000',
  RecordingSource: 'OutboundAPI',
  RecordingTrack: 'both',
  ...more,
});

const stream = (CallSid, more) => ({
  AccountSid: ACCOUNT_SID,
  CallSid,
  StreamSid: 'MZ33333333333333333333333333333333',
  StreamName: 'my_stream',
  Timestamp: '2026-11-22T10:06:10.123Z',
  ...more,
});

/** Each: the endpoint, and the parameters for a CallSid. */
export const SAMPLES = {
  'the voice webhook': ['voice', (sid) => call(sid, 'in-progress')],
  'the voice webhook after synchronous detection': [
    'voice',
    (sid) => ({ ...call(sid, 'in-progress'), AnsweredBy: 'human', MachineDetectionDuration: '1530' }),
  ],
  'the status initiated': ['status', (sid) => progress(sid, 'initiated', '0')],
  'the status completed with a recording': [
    'status',
    (sid) => ({
      ...progress(sid, 'completed', '3'),
      CallDuration: '42',
      Duration: '1',
      SipResponseCode: '200',
      RecordingSid: 'RE22222222222222222222222222222222',
      RecordingDuration: '41',
    }),
  ],
  'the result of asynchronous detection': [
    'status',
    (sid) => ({
      CallSid: sid,
      AccountSid: ACCOUNT_SID,
      AnsweredBy: 'machine_start',
      MachineDetectionDuration: '2400',
    }),
  ],
  'a stream that began': ['status', (sid) => stream(sid, { StreamEvent: 'stream-started' })],
  'a stream that failed': [
    'status',
    (sid) =>
      stream(sid, {
        StreamEvent: 'stream-error',
        StreamError: '31921 Stream - WebSocket - Close Error',
      }),
  ],
  'a completed recording': [
    'recording',
    (sid) => recording(sid, 'completed', { RecordingDuration: '41', ErrorCode: '0' }),
  ],
  'an absent recording': ['recording', (sid) => recording(sid, 'absent', { ErrorCode: '16101' })],
  'unknown fields, in every script': [
    'status',
    (sid) => ({
      ...progress(sid, 'ringing', '1'),
      CallerName: 'Ñandú & Söhne + 100% = "Δ" 🙂',
      Zeta: ' white space kept ',
      alpha: '',
    }),
  ],
};
