import twilio from 'twilio';
import { ACCOUNT_SID, AUTH_TOKEN } from './simulated.mjs';

const { RequestClient } = twilio;
const REAL = 'https://api.twilio.com/';

/** Twilio's own client; only the host is another one. */
class Redirected extends RequestClient {
  constructor(base) {
    super({ timeout: 10_000 });
    this.base = base;
  }

  request(options) {
    if (!options.uri.startsWith(REAL)) throw new Error(`unexpected host: ${options.uri}`);
    return super.request({ ...options, uri: `${this.base}/${options.uri.slice(REAL.length)}` });
  }
}

/** Twilio's Node SDK, speaking to the simulated Twilio of a server. */
export function twilioClient(server, { sid = ACCOUNT_SID, token = AUTH_TOKEN } = {}) {
  const httpClient = new Redirected(`${server.base}/simulated/twilio`);
  return twilio(sid, token, { httpClient });
}
