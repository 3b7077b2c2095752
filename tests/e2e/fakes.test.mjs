// The fakes keep to the documented wire format: what passes here would pass the providers' own checks.
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';

import { startFakes } from './fakes/index.mjs';
import {
  challengeWhatsApp, echoChange, hubSignature, messagesChange, metaJson, postTelegram, postWhatsApp, telegramUpdate,
  whatsappMessage,
} from './fakes/webhooks.mjs';

let fakes;
let clock = 1_000_000;

before(async () => {
  fakes = await startFakes({ whatsapp: { now: () => clock }, telegram: { now: () => clock } });
});
afterEach(() => {
  assert.deepEqual(fakes.unexpected, []);
  fakes.reset();
  fakes.telegram.perChatMs = 0;
});
after(() => fakes.close());

function closed(server) {
  const done = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();  // Node 18 leaves idle ones open
  return done;
}

async function post(path, body, headers = {}) {
  const response = await fetch(fakes.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
}

const toWhatsApp = (body, token = 'EAAG-token') =>
  post('/whatsapp/v23.0/106540352242922/messages', body, token ? { authorization: `Bearer ${token}` } : {});

const bubble = (text = 'Hola', more = {}) => ({
  messaging_product: 'whatsapp', recipient_type: 'individual', to: '5491155501234', type: 'text',
  text: { body: text, preview_url: false }, biz_opaque_callback_data: 'reply-1', ...more,
});

test('whatsapp takes a text and names it', async () => {
  const { status, json } = await toWhatsApp(bubble());
  assert.equal(status, 200);
  const { messaging_product: product, contacts, messages } = json();
  assert.equal(product, 'whatsapp');
  assert.deepEqual(contacts, [{ input: '5491155501234', wa_id: '5491155501234' }]);
  assert.match(messages[0].id, /^wamid\./);
  const [call] = fakes.whatsapp.messages;
  assert.equal(call.text, 'Hola');
  assert.equal(call.account, '106540352242922');
  assert.equal(call.reply, 'reply-1');
  assert.equal(call.id, messages[0].id);
  assert.ok(Math.abs(Date.now() - call.at) < 60_000);
});

test('whatsapp takes a business-scoped recipient, and the typing indicator', async () => {
  assert.equal((await toWhatsApp(bubble('x', { to: undefined, recipient: 'AR.1' }))).status, 200);
  const typing = await toWhatsApp({
    messaging_product: 'whatsapp', status: 'read', message_id: 'wamid.A', typing_indicator: { type: 'text' },
  });
  assert.deepEqual(typing.json(), { success: true });
  assert.equal(fakes.whatsapp.messages.length, 1);
  assert.equal(fakes.whatsapp.calls[1].kind, 'typing');
});

test('whatsapp refuses as the Graph API does', async () => {
  const unauthorised = await toWhatsApp(bubble(), '');
  assert.equal(unauthorised.status, 401);
  assert.equal(unauthorised.json().error.code, 190);
  for (const wrong of [
    bubble('x', { messaging_product: undefined }), bubble('x', { to: undefined }), bubble(''), bubble('x'.repeat(4097)),
    bubble('x', { type: 'fax' }), bubble('x', { biz_opaque_callback_data: 'x'.repeat(513) }), [], 7,
    { messaging_product: 'whatsapp', status: 'read' },
  ]) {
    const { status, json } = await toWhatsApp(wrong);
    assert.equal(status, 400);
    assert.equal(json().error.code, 100);
    assert.equal(json().error.type, 'OAuthException');
    assert.ok(json().error.error_data.details);
    assert.ok(json().error.fbtrace_id);
  }
  assert.equal((await toWhatsApp(bubble('x'.repeat(4096)))).status, 200);
  assert.equal(fakes.whatsapp.messages.length, 1);
});

test('whatsapp lets one recipient have 45 at once and one more every 6 s', async () => {
  for (let i = 0; i < 45; ++i) assert.equal((await toWhatsApp(bubble())).status, 200);
  const refused = await toWhatsApp(bubble());
  assert.equal(refused.status, 400);
  assert.equal(refused.json().error.code, 131056);
  assert.equal((await toWhatsApp(bubble('x', { to: '549999' }))).status, 200);
  clock += 5_900;
  assert.equal((await toWhatsApp(bubble())).status, 400);
  clock += 200;
  assert.equal((await toWhatsApp(bubble())).status, 200);
  assert.equal((await toWhatsApp(bubble())).status, 400);
});

test('whatsapp fails as it is told, and only as often', async () => {
  fakes.whatsapp.fail({ times: 2, code: 131047 });
  fakes.whatsapp.fail({ status: 502, body: '<html>' });
  fakes.whatsapp.fail({ code: 130429, headers: { 'retry-after': '9' }, match: (call) => call.text === 'special' });
  assert.equal((await toWhatsApp(bubble())).json().error.code, 131047);
  assert.equal((await toWhatsApp(bubble())).json().error.code, 131047);
  assert.equal((await toWhatsApp(bubble())).text, '<html>');
  assert.equal((await toWhatsApp(bubble())).status, 200);
  const special = await toWhatsApp(bubble('special'));
  assert.equal(special.status, 429);
  assert.equal(special.headers.get('retry-after'), '9');
});

test('whatsapp breaks the connection before or after it accepted', async () => {
  fakes.whatsapp.fail({ close: 'before' });
  await assert.rejects(toWhatsApp(bubble('lost')));
  assert.equal(fakes.whatsapp.messages.length, 0);
  fakes.whatsapp.fail({ close: 'after' });
  await assert.rejects(toWhatsApp(bubble('kept')));
  assert.deepEqual(fakes.whatsapp.messages.map((call) => call.text), ['kept']);
});

test('whatsapp that hangs ends with the caller’s patience', async () => {
  fakes.whatsapp.fail({ hang: 'after' });
  const cancel = new AbortController();
  const call = fetch(`${fakes.url}/whatsapp/v23.0/1/messages`, {
    method: 'POST', body: JSON.stringify(bubble()), headers: { authorization: 'Bearer t' }, signal: cancel.signal,
  });
  await fakes.whatsapp.until((calls) => calls.some(({ status }) => status === 'hang'));
  cancel.abort();
  await assert.rejects(call);
  assert.equal(fakes.whatsapp.messages.length, 1);
});

test('whatsapp reports sent, delivered and read by signed webhooks', async () => {
  const received = [];
  let complete;
  const all = new Promise((done) => (complete = done));
  const hook = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    received.push({ signature: request.headers['x-hub-signature-256'], body: Buffer.concat(parts) });
    response.end();
    if (received.length === 3) complete();
  });
  await new Promise((done) => hook.listen(0, '127.0.0.1', done));
  const own = await startFakes({
    whatsapp: { webhook: { url: `http://127.0.0.1:${hook.address().port}/`, secret: 's' } },
  });
  await fetch(`${own.url}/whatsapp/v23.0/77/messages`, {
    method: 'POST', body: JSON.stringify(bubble()), headers: { authorization: 'Bearer t' },
  });
  await all;
  await own.close();
  await closed(hook);
  const values = received.map(({ signature, body }) => {
    assert.equal(signature, hubSignature('s', body));
    return JSON.parse(body).entry[0].changes[0].value;
  });
  assert.deepEqual(values.map(({ statuses }) => statuses[0].status), ['sent', 'delivered', 'read']);
  assert.equal(values[0].metadata.phone_number_id, '77');
  assert.equal(values[0].statuses[0].biz_opaque_callback_data, 'reply-1');
  assert.equal(values[0].statuses[0].id, own.whatsapp.messages[0].id);
});

const toTelegram = (method, body, token = '123456:AA-x') => post(`/telegram/bot${token}/${method}`, body);

test('telegram remembers where setWebhook sends the updates of a bot', async () => {
  const order = { url: 'https://relevo.example/w', secret_token: 'abc', drop_pending_updates: false };
  assert.equal((await toTelegram('setWebhook', order)).json().ok, true);
  assert.equal((await toTelegram('getWebhookInfo', {})).json().result.url, order.url);
  assert.deepEqual(fakes.telegram.orders.get(123456), order);
  assert.equal((await toTelegram('setWebhook', { url: 'nowhere' })).status, 400);
  assert.equal((await toTelegram('getWebhookInfo', {})).json().result.url, order.url);
});

test('telegram takes a text and names it within its chat', async () => {
  assert.equal((await toTelegram('sendMessage', { chat_id: 7, text: 'a' })).json().result.message_id, 1);
  assert.equal((await toTelegram('sendMessage', { chat_id: 8, text: 'b' })).json().result.message_id, 1);
  assert.equal((await toTelegram('sendMessage', { chat_id: 7, text: 'c' })).json().result.message_id, 2);
  assert.deepEqual(fakes.telegram.messages.map(({ id }) => id), ['7:1', '8:1', '7:2']);
  assert.deepEqual((await toTelegram('sendChatAction', { chat_id: 7, action: 'typing' })).json(), { ok: true, result: true });
});

test('telegram refuses as the Bot API does', async () => {
  fakes.telegram.blocked.add(9);
  const refused = async (body, token) => {
    const { status, json } = await toTelegram('sendMessage', body, token);
    assert.equal(json().ok, false);
    assert.equal(json().error_code, status);
    return status;
  };
  assert.equal(await refused({ chat_id: 7, text: '' }), 400);
  assert.equal(await refused({ chat_id: 7, text: 'x'.repeat(4097) }), 400);
  assert.equal(await refused({ text: 'x' }), 400);
  assert.equal(await refused({ chat_id: 9, text: 'x' }), 403);
  assert.equal(await refused({ chat_id: 7, text: 'x' }, 'nonsense'), 404);
  fakes.telegram.fail({ retryAfter: 3 });
  const flooded = await toTelegram('sendMessage', { chat_id: 7, text: 'x' });
  assert.deepEqual(flooded.json(), {
    ok: false, error_code: 429, description: 'Too Many Requests: retry after 3', parameters: { retry_after: 3 },
  });
  assert.equal(fakes.telegram.messages.length, 0);
});

test('telegram can hold a chat to one message a second', async () => {
  fakes.telegram.perChatMs = 1_000;
  assert.equal((await toTelegram('sendMessage', { chat_id: 7, text: 'a' })).status, 200);
  assert.equal((await toTelegram('sendMessage', { chat_id: 7, text: 'b' })).json().parameters.retry_after, 1);
  assert.equal((await toTelegram('sendMessage', { chat_id: 8, text: 'c' })).status, 200);
  clock += 1_000;
  assert.equal((await toTelegram('sendMessage', { chat_id: 7, text: 'd' })).status, 200);
});

const complete = (more = {}, key = 'sk-test') =>
  post('/openai/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'Hola ¿qué tal?' }], ...more },
    key ? { authorization: `Bearer ${key}` } : {});

const chunks = (text) =>
  text.split('\n\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));

test('openai answers whole, with usage', async () => {
  const { json } = await complete();
  assert.equal(json().object, 'chat.completion');
  assert.equal(json().choices[0].message.content, 'Recibido: Hola ¿qué tal?');
  assert.equal(json().choices[0].finish_reason, 'stop');
  assert.equal(json().usage.total_tokens, json().usage.prompt_tokens + json().usage.completion_tokens);
});

test('openai streams words, and usage only where it was asked for', async () => {
  const plain = await complete({ stream: true });
  assert.match(plain.headers.get('content-type'), /^text\/event-stream/);
  assert.ok(plain.text.endsWith('data: [DONE]\n\n'));
  assert.ok(chunks(plain.text).every((chunk) => !('usage' in chunk)));
  const asked = chunks((await complete({ stream: true, stream_options: { include_usage: true } })).text);
  assert.equal(asked.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), 'Recibido: Hola ¿qué tal?');
  assert.equal(asked.at(-2).choices[0].finish_reason, 'stop');
  assert.deepEqual(asked.at(-1).choices, []);
  assert.ok(asked.at(-1).usage.completion_tokens > 0);
});

test('openai streams what odd servers stream', async () => {
  fakes.openai.fail({ comments: 2, nullChoices: true, finish: 'length', noDone: true });
  const { text } = await complete({ stream: true });
  assert.ok(text.startsWith(': keep-alive\n\n: keep-alive\n\n'));
  assert.ok(chunks(text).some((chunk) => chunk.choices === null));
  assert.equal(chunks(text).at(-1).choices[0].finish_reason, 'length');
  assert.ok(!text.includes('[DONE]'));
});

test('openai breaks off in the middle of a stream', async () => {
  fakes.openai.fail({ disconnectAfter: 2 });
  await assert.rejects(complete({ stream: true }));
});

test('openai refuses as documented', async () => {
  assert.equal((await complete({}, '')).json().error.code, 'invalid_api_key');
  assert.equal((await complete({ messages: [] })).status, 400);
  assert.equal((await complete({ model: '' })).status, 400);
  fakes.openai.fail({ status: 429, retryAfter: 2 });
  const limited = await complete();
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get('retry-after'), '2');
  fakes.openai.fail({ status: 500 });
  assert.equal((await complete()).status, 500);
  fakes.openai.fail({ contextLength: true });
  assert.equal((await complete()).json().error.code, 'context_length_exceeded');
});

test('openai embeds the same text alike, and no empty one', async () => {
  const embed = (input) => post('/openai/v1/embeddings', { model: 'e', input }, { authorization: 'Bearer k' });
  const { data } = (await embed(['a', 'b', 'a'])).json();
  assert.deepEqual(data.map(({ index }) => index), [0, 1, 2]);
  assert.deepEqual(data[0].embedding, data[2].embedding);
  assert.notDeepEqual(data[0].embedding, data[1].embedding);
  assert.ok(Math.abs(Math.hypot(...data[0].embedding) - 1) < 1e-9);
  assert.equal((await embed(['a', ''])).status, 400);
  assert.equal((await embed([])).status, 400);
});

test('a path of no provider is noted, so that a wrong base address shows', async () => {
  assert.equal((await fetch(`${fakes.url}/v23.0/1/messages`)).status, 404);
  assert.deepEqual(fakes.unexpected.splice(0), ['GET /v23.0/1/messages']);
});

test('webhooks are written and signed as their senders do', async () => {
  const seen = [];
  const hook = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    seen.push({ url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() });
    response.end('ok');
  });
  await new Promise((done) => hook.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${hook.address().port}/hook`;
  const message = whatsappMessage({ from: '549', text: 'café 😀' });
  await postWhatsApp(url, 'secret', [
    messagesChange({ account: '1', messages: [message] }), echoChange({ account: '1', to: '549', text: 'yo' }),
  ]);
  await postTelegram(url, 'secret', telegramUpdate({ chat: 7, text: 'hola' }));
  await challengeWhatsApp(url, 'a b', '42');
  await closed(hook);
  assert.ok(seen[0].body.includes('caf\\u00e9 \\ud83d\\ude00'));
  assert.equal(seen[0].headers['x-hub-signature-256'], hubSignature('secret', seen[0].body));
  const [first, second] = JSON.parse(seen[0].body).entry[0].changes;
  assert.deepEqual(first.value.messages, [message]);
  assert.equal(second.field, 'smb_message_echoes');
  assert.equal(second.value.message_echoes[0].to, '549');
  assert.equal(seen[1].headers['x-telegram-bot-api-secret-token'], 'secret');
  assert.equal(JSON.parse(seen[1].body).message.chat.type, 'private');
  assert.equal(seen[2].url, '/hook?hub.mode=subscribe&hub.verify_token=a+b&hub.challenge=42');
  assert.equal(metaJson({ url: 'https://x' }), '{"url":"https:\\/\\/x"}');
});

async function graph(path, { token, body, method = body ? 'POST' : 'GET' } = {}) {
  const response = await fetch(`${fakes.url}/meta${path}`, {
    method,
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, ...(await response.json()) };
}

test('Graph gives a short token for a code, once, and one of sixty days for that', async () => {
  fakes.graph.users = { ana: { wabas: { 77: { 1001: { display: '+54' } } }, pages: { 555: 'Ballet' } } };
  const redirect = 'https://relevo.example/connected';
  const url = `https://www.facebook.com/v23.0/dialog/oauth?client_id=4242&redirect_uri=${redirect}&scope=pages_messaging&state=s`;
  const { code, state } = fakes.graph.approve('ana', url);
  assert.equal(state, 's');
  const app = 'client_id=4242&client_secret=x';
  const exchange = `/graph/v23.0/oauth/access_token?${app}&redirect_uri=${redirect}&code=${code}`;
  assert.equal((await graph(exchange.replace('connected', 'elsewhere'))).error.error_subcode, 36008);
  const short = await graph(exchange);
  assert.equal(short.expires_in, undefined);
  assert.equal((await graph(exchange)).error.error_subcode, 36009);
  const long = await graph(`/graph/v23.0/oauth/access_token?${app}&grant_type=fb_exchange_token&fb_exchange_token=${short.access_token}`);
  assert.equal(long.expires_in, 60 * 24 * 3600);
  const { data } = await graph(`/graph/v23.0/debug_token?input_token=${long.access_token}`, { token: '4242|x' });
  assert.deepEqual(data.granular_scopes, [{ scope: 'whatsapp_business_management', target_ids: ['77'] }]);
  const numbers = await graph('/graph/v23.0/77/phone_numbers', { token: long.access_token });
  assert.equal(numbers.data[0].id, '1001');
  const page = await graph('/graph/v23.0/555?fields=access_token', { token: long.access_token });
  const post = { token: page.access_token, body: {} };
  assert.equal((await graph('/graph/v23.0/555/subscribed_apps?subscribed_fields=messages', post)).success, true);
  assert.equal((await graph('/graph/v23.0/77/register', { token: long.access_token, body: {} })).error.code, 200);
  assert.equal((await graph('/graph/v23.0/1001/register', { token: long.access_token, body: { pin: '1' } })).error.code, 100);
  fakes.graph.revoke('ana');
  assert.equal((await graph('/graph/v23.0/me/accounts', { token: long.access_token })).error.code, 190);
});

test('Graph directs a WhatsApp number of a subscribed account, only where its challenge is answered', async () => {
  fakes.graph.users = { ana: { wabas: { 77: { 1001: { display: '+54' } } } } };
  const { code } = fakes.graph.approve('ana', 'https://x/?client_id=4242&redirect_uri=r');
  const { access_token: token } = await graph(`/graph/v23.0/oauth/access_token?client_id=4242&client_secret=x&redirect_uri=r&code=${code}`);
  const webhooks = createServer((request, response) => {
    const query = new URL(request.url, 'http://x').searchParams;
    response.end(query.get('hub.verify_token') === 'right' ? query.get('hub.challenge') : 'no');
  });
  await new Promise((listening) => webhooks.listen(0, '127.0.0.1', listening));
  const override_callback_uri = `http://127.0.0.1:${webhooks.address().port}/hook`;
  const direct = (verify_token) =>
    graph('/graph/v23.0/1001', { token, body: { webhook_configuration: { override_callback_uri, verify_token } } });
  assert.equal((await direct('right')).error.code, 200);
  assert.equal((await graph('/graph/v23.0/77/subscribed_apps', { token, body: {} })).success, true);
  assert.equal((await direct('wrong')).error.code, 2200);
  assert.equal((await direct('right')).success, true);
  await closed(webhooks);
});

test('Graph refuses an app that asks too often, and does what a test scripts', async () => {
  fakes.graph.limit = 1;
  await graph('/graph/v23.0/me/accounts', { token: 'x' });
  assert.equal((await graph('/graph/v23.0/me/accounts', { token: 'x' })).error.code, 4);
  fakes.graph.limit = Infinity;
  fakes.graph.fail({ status: 503, body: {}, match: ({ kind }) => kind === 'accounts' });
  assert.equal((await graph('/graph/v23.0/me/accounts', { token: 'x' })).status, 503);
});

test("Instagram's tokens are its own, and are refreshed after a day", async () => {
  let now = Date.now();
  fakes.graph.now = () => now;
  fakes.graph.users = { eva: { instagram: { id: '333', username: 'ballet' } } };
  const { code } = fakes.graph.approve('eva', 'https://x/?client_id=4242&redirect_uri=r&scope=instagram_business_basic');
  const form = (which) => fetch(`${fakes.url}/meta/instagram-api/oauth/access_token`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: '4242', client_secret: 'x', grant_type: 'authorization_code', redirect_uri: 'r', code: which }),
  }).then((response) => response.json());
  assert.equal((await form('none')).error_type, 'OAuthException');
  const short = await form(code);
  const long = await graph(`/instagram-graph/access_token?grant_type=ig_exchange_token&client_secret=x&access_token=${short.access_token}`);
  const refresh = () => graph(`/instagram-graph/refresh_access_token?grant_type=ig_refresh_token&access_token=${long.access_token}`);
  assert.equal((await refresh()).error.code, 190);
  now += 25 * 3_600_000;
  assert.equal((await refresh()).expires_in, 60 * 24 * 3600);
  const me = await graph('/instagram-graph/v23.0/me?fields=user_id,username', { token: long.access_token });
  assert.equal(me.user_id, '333');
  fakes.graph.now = Date.now;
});

const decoded = (text) => JSON.parse(Buffer.from(text, 'base64url'));

/** As a client of Auth0 checks a token: its claims, or nothing where no published key fits it. */
async function checked(token) {
  const [head, body, signature] = token.split('.');
  const get = (url) => fetch(url).then((response) => response.json());
  const { issuer, jwks_uri: address } = await get(`${decoded(body).iss}.well-known/openid-configuration`);
  assert.equal(issuer, decoded(body).iss);
  const key = (await get(address)).keys.find(({ kid, alg }) => kid === decoded(head).kid && alg === decoded(head).alg);
  const signed = Buffer.from(`${head}.${body}`);
  const fits = key && verify('sha256', signed, createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'base64url'));
  return fits ? decoded(body) : undefined;
}

test('Auth0 signs tokens with keys that it publishes, until they are revoked', async () => {
  const asked = { sub: 'auth0|1', audience: 'https://relevo.example/v1' };
  const first = await fakes.auth0.token(asked);
  const claims = await checked(first);
  assert.equal(claims.iss, `${fakes.url}/auth0/`);
  assert.equal(claims.sub, 'auth0|1');
  assert.ok(claims.aud.includes(asked.audience));
  await fakes.auth0.rotate();
  const second = await fakes.auth0.token(asked);
  assert.notEqual(decoded(first.split('.')[0]).kid, decoded(second.split('.')[0]).kid);
  assert.ok((await checked(first)) && (await checked(second)));
  await fakes.auth0.rotate({ revoke: true });
  assert.equal(await checked(second), undefined);
  assert.ok(await checked(await fakes.auth0.token(asked)));
  assert.equal((await fetch(`${fakes.url}/auth0/nothing`)).status, 404);
});
