// Signed requests: URLs, bodies and signatures as odd as they come. Left out are what no setting can
// hold (port 99999), and U+E000 to U+FFFF beside anything beyond: there the
// SDKs have orders of their own, UTF-16 units in Node and code points in Python.
import { createHash, createHmac } from 'node:crypto';

const HOSTS = ['app.example', 'App.Example', 'app.example.', '127.0.0.1', 'localhost', 'x--y.a-b.example', '[::1]', '[2001:DB8::7]', 'münchen.example'];
const PORTS = ['443', '80', '8443', '1', '65535', '0443', '', '0'];
const USERS = ['user', 'user:pass', 'u%40x:p%3a', ':', 'a@b:c', 'user:'];
const PATHS = ['', '/', '/voice', '/voice/', '//voice', '/api/twilio/status', '/a%20b', '/a%2fb', '/ñ', '/a;b=c', '/a:80@b', '/./a/../b', '/%zz', "/a'b", '/a"b', '/[x]', '/a|b', '/a+b', '/ß%C3%9F', '/a\\b', '/*~!$()', '/a,b'];
const QUERIES = ['', 'callId=0af3', 'a=b&a=c', 'a', '=', '&', '?', 'a=%20b+c', 'q=?x', 'u=https://u:p@x:80/#', "n=O'Brien", 'n=%C3%A3', 'n=ã', 'n=%c3%A3&&', 'a=b;c=d', 'a[]=1&a[]=2', 'a=%', 'bodySHA256=', 'bodySHA256', 'x="<>', 'a=b=c', 'a=1&b=2&a=3', 'A=1&a=2', 'a=|{}^`'];
const FRAGMENTS = ['', 'rc=2&rp=ct,rt,5xx', 'a?b', '/x', 'bodySHA256=0', '#'];
const NAMES = ['CallSid', 'From', 'To', 'Digits', 'Reason', 'ReasonConferenceEnded', 'callSid', 'CALLSID', 'a', 'ab', 'b', '', '0', '1', '10', '__proto__', 'constructor', 'ñ', 'Δ', '🙂', ' ', 'a b', 'a&b', 'a=b', 'bodySHA256'];
const VALUES = ['', 'CA1234567890ABCDE', '+14158675309', '1234', 'test', 'b', 'ab', 'a', ' white space kept ', 'São Paulo', 'Ñandú & Söhne + 100% = "Δ"', '🙂', '\u{d7ff}', '\u{1f600}', 'é', 'e\u0301', '\n', '\r\n', '\t', '\0', '%', '%41', '+', '=', '&', '#', "'"];
const JSONS = ['{}', '', '[]', '{"a":1}', '{"property": "value", "boolean": true}', '{"CallSid":"CA1","Ñ":"🙂"}', 'CallSid=CA1', ' ', '{"a":"\\u0000"}'];

/** The parts of a URL, as written. */
function partsOf(url) {
  const [, scheme, user, host, port, rest] = /^([^:]+:\/\/)([^/?#]*@)?(\[[^\]]*\]|[^/?#:]*)(:[^/?#]*)?([^#]*)/.exec(url);
  return { scheme, user: user ?? '', host, port: port ?? '', rest };
}
const join = ({ scheme, user, host, port, rest }) => scheme + user + host + port + rest;

export const withoutFragment = (url) => url.split('#')[0];
export const withoutUser = (url) => join({ ...partsOf(url), user: '' });

const standardPort = ({ scheme }) => (scheme.toLowerCase() === 'https://' ? ':443' : ':80');
const normalised = (url) => {
  try {
    return new URL(url).toString();
  } catch {
    return url;
  }
};

/** What may have been signed instead of a URL: first what Twilio or an SDK would sign, then mistakes. */
const SIGNED_URLS = [
  withoutFragment,
  (url) => join({ ...partsOf(url), port: '' }),
  (url) => join({ ...partsOf(url), port: partsOf(url).port || standardPort(partsOf(url)) }),
  (url) => withoutUser(url),
  (url) => join({ ...partsOf(url), user: '', port: '' }),
  (url) => join({ ...partsOf(url), port: standardPort(partsOf(url)) }),
  (url) => join({ ...partsOf(url), port: ':81' }),
  (url) => url,
  normalised,
  (url) => join({ ...partsOf(url), host: partsOf(url).host.toLowerCase() }),
  (url) => join({ ...partsOf(url), scheme: partsOf(url).scheme.toLowerCase() }),
  (url) => join({ ...partsOf(url), scheme: 'http://' }),
  (url) => withoutFragment(url).replace(/\?$/, ''),
  (url) => withoutFragment(url).replace(/\?.*/, ''),
  (url) => `${withoutFragment(url)}/`,
  (url) => decodeURI(encodeURI(withoutFragment(url))).replace(/%20/g, '+'),
];

const byCodePoint = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Names and values in Twilio's order, each once. */
function canonical(pairs) {
  const names = [...new Set(pairs.map(([name]) => name))].sort(byCodePoint);
  const values = (name) => [...new Set(pairs.filter((it) => it[0] === name).map((it) => it[1]))];
  return names.map((name) => values(name).sort(byCodePoint).map((value) => name + value).join('')).join('');
}

/** First what Twilio signs, then mistakes. */
const SIGNED_PARAMETERS = [
  canonical,
  (pairs) => canonical(pairs.slice(1)),
  (pairs) => canonical([...pairs, ['Extra', 'x']]),
  (pairs) => pairs.map(([name, value]) => name + value).sort().join(''),
  (pairs) => pairs.map(([name, value]) => name + value).join(''),
  (pairs) => canonical(pairs.map(([name, value]) => [name, value.trim()])),
  (pairs) => canonical(pairs.filter(([, value]) => value !== '')),
  () => '',
];

const MUTATIONS = [
  (signature, { below, pick }) => {
    const at = below(signature.length);
    return signature.slice(0, at) + pick('ABab01+/=-_ ') + signature.slice(at + 1);
  },
  (signature) => signature.replace(/=+$/, ''),
  (signature) => `${signature}=`,
  (signature) => `${signature} `,
  (signature) => signature.toLowerCase(),
  (signature) => signature.replace(/\+/g, '-').replace(/\//g, '_'),
  () => '',
  (signature) => Buffer.from(signature, 'base64').toString('hex'),
  (signature) => signature.slice(1),
  // Bits that the last character has and the bytes have not.
  (signature) => signature.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`),
];

function encoded(text, { percent }) {
  const hex = percent(30) ? (it) => it.toLowerCase() : (it) => it;
  const space = percent(70) ? '+' : '%20';
  const raw = percent(10) ? /[&=+%#\s\0]/gu : /[^\w.*-]/gu;
  return text.replace(raw, (it) =>
    it === ' ' ? space : [...Buffer.from(it)].map((byte) => hex(`%${byte.toString(16).padStart(2, '0').toUpperCase()}`)).join(''),
  );
}

function makeUrl({ pick, percent }) {
  const scheme = percent(70) ? 'https://' : pick(['http://', 'http://', 'http://', 'HTTPS://']);
  const user = percent(12) ? `${pick(USERS)}@` : '';
  const port = percent(35) ? `:${percent(85) ? pick(PORTS.slice(0, 5)) : pick(PORTS)}` : '';
  const query = percent(60) ? `?${pick(QUERIES)}` : '';
  const host = percent(50) ? HOSTS[0] : pick(HOSTS);
  return scheme + user + host + port + pick(PATHS) + query;
}

function withHash(url, body, { pick, percent }) {
  const hash = createHash('sha256').update(body).digest('hex');
  const stated = percent(75)
    ? `bodySHA256=${hash}`
    : pick([
        '',
        'bodySHA256',
        `bodySHA256=${hash.toUpperCase()}`,
        `bodySHA256=${hash.slice(1)}`,
        `bodySHA256=${hash}&bodySHA256=0`,
        `bodySHA256=0&bodySHA256=${hash}`,
        `bodysha256=${hash}`,
        `body%53HA256=%${hash.charCodeAt(0).toString(16)}${hash.slice(1)}`,
        `bodySHA256=${createHash('sha256').update(`${body} `).digest('hex')}`,
      ]);
  return `${url}${url.includes('?') ? '&' : '?'}${stated}`;
}

/** One request. About half of them are signed as Twilio would. */
export function makeRequest(random) {
  const { pick, percent, some } = random;
  const is_form = percent(75);
  const pairs = some(percent(80) ? 6 : 30, () => [pick(NAMES), pick(VALUES)]);
  const body = is_form
    ? pairs.map(([name, value]) => `${encoded(name, random)}=${encoded(value, random)}`).join('&')
    : pick(JSONS);
  let url = makeUrl(random);
  if (!is_form) url = withHash(url, body, random);
  if (percent(6)) url = `${url}#${pick(FRAGMENTS)}`;

  const tokens = percent(50) ? ['12345'] : ['12345', '0123456789abcdef0123456789abcdef'];
  const token = percent(90) ? pick(tokens) : pick(['other', '', '0123456789abcdef0123456789abcdef']);
  const mostly = (list) => (percent(70) ? list[0] : pick(list));
  const text = mostly(SIGNED_URLS)(url) + (is_form ? mostly(SIGNED_PARAMETERS)([...new URLSearchParams(body)]) : '');
  let signature = createHmac('sha1', token).update(text).digest('base64');
  if (percent(15)) signature = pick(MUTATIONS)(signature, random);
  return { url, body, is_form, signature, tokens };
}
