// A shop connects its WhatsApp number by signing in at Meta: by the API alone, against a Graph that checks what it is asked,
// until a customer of that number is answered. Then what Meta, a stranger and time do to a connection.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { until, up } from './harness.mjs';
import { Customer } from './whatsapp.mjs';

const tag = randomBytes(4).toString('hex');
const phone = `9${Date.now()}`;
const waba = `8${Date.now()}`;
const page = `7${Date.now()}`;
let system;
let graph;
let secret;
let shops;

async function call(method, path, { token, body } = {}) {
  const response = await fetch(`${system.http}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token ?? system.admin_token}`, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, body: text ? JSON.parse(text) : undefined };
}

async function as(tenant, method, path, body, headers = {}) {
  const response = await fetch(`${system.http}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${system.admin_token}`, 'x-tenant-id': String(tenant), ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
  });
  return response.json();
}

// A shop with an agent and no number, and somebody who may connect one.
async function shop(name) {
  const [made] = await system.applyShops(`slug: ${name}-${tag}\nname: ${name}\nagent: {provider: offline, quiet_ms: 200}\nweb: {}\n`);
  const [{ id }] = await system.sql(`SELECT id FROM tenants WHERE slug = '${name}-${tag}'`);
  const user = await as(id, 'POST', '/users', { email: `${name}-${tag}@example.com`, roles: ['admin'] }, { 'idempotency-key': randomUUID() });
  const { ticket } = await as(id, 'POST', `/users/${user.id}/tickets`);
  const signedIn = await call('POST', '/tickets/redeem', { body: { ticket, password: 'una clave larga' } });
  return { ...made, id, token: signedIn.body.secret };
}

async function connect(who, user, kind = 'facebook') {
  const begun = await call('POST', '/meta-connections', { token: who.token, body: { kind } });
  assert.equal(begun.status, 201, begun.text);
  const back = graph.approve(user, begun.body.authorize_url);
  return { path: `/meta-connections/${begun.body.id}`, back, begun: begun.body };
}

before(async () => {
  const users = {
    ana: { wabas: { [waba]: { [phone]: { display: '+54 9 11 5555-0100' } } }, pages: { [page]: 'Ballet' } },
    eva: { instagram: { id: '17841400000000001', username: 'ballet' } },
    mallory: {},
  };
  system = await up({ quietMs: 200, fakes: { graph: { users } } });
  graph = system.fakes.graph;
  secret = (await readFile(join(dirname(system.config), 'meta.secret'), 'utf8')).trim();
  graph.appSecret = secret;
  shops = { ballet: await shop('meta-ballet'), other: await shop('meta-other') };
});
after(() => system?.leave());

describe('a WhatsApp number', () => {
  let it_is;

  it('is connected by a sign-in at Meta, which asks for no more than it needs', async () => {
    it_is = await connect(shops.ballet, 'ana');
    const asked = new URL(it_is.begun.authorize_url);
    assert.match(asked.pathname, /\/dialog\/oauth$/);
    assert.equal(asked.searchParams.get('client_id'), graph.appId);
    const connected = await call('POST', `${it_is.path}/code`, { token: shops.ballet.token, body: it_is.back });
    assert.equal(connected.status, 200, connected.text);
    assert.equal(connected.body.status, 'connected');
    const days = (Date.parse(connected.body.token_expires_at) - Date.parse(connected.body.refresh_at)) / 86_400_000;
    assert.ok(Math.abs(days - 7) < 0.01);
    // the code is used: sent again it changes nothing
    const again = await call('POST', `${it_is.path}/code`, { token: shops.ballet.token, body: it_is.back });
    assert.equal(again.body.status, 'connected');
  });

  it('is found among what the token controls, claimed, subscribed and registered', async () => {
    const { body } = await call('GET', `${it_is.path}/assets`, { token: shops.ballet.token });
    assert.deepEqual(body.items.map(({ channel, external_id }) => [channel, external_id]), [['whatsapp', phone], ['messenger', page]]);
    const claimed = await call('POST', `${it_is.path}/accounts`, { token: shops.ballet.token, body: { channel: 'whatsapp', external_id: phone } });
    assert.equal(claimed.status, 201, claimed.text);
    assert.equal(claimed.body.step, 'ready', claimed.text);
    assert.match(graph.registered.get(phone), /^\d{6}$/);
    assert.match(graph.subscriptions.get(phone).override_callback_uri, /\/webhooks\/whatsapp\/\w{16,}$/);
    // its business account may have numbers of other shops
    assert.deepEqual(graph.subscriptions.get(waba), {});
  });

  it('answers its customers', async () => {
    const hook = { url: graph.subscriptions.get(phone).override_callback_uri, secret, account: phone };
    const customer = new Customer(system);
    customer.hook = hook;
    await customer.writes('hola');
    const [bubble] = await customer.receives(1);
    assert.equal(bubble.account, phone);
    assert.ok(graph.tokens.get(bubble.token)?.long);
  });

  it('is nobody else\'s who cannot prove that they control it', async () => {
    const stranger = await connect(shops.other, 'mallory');
    assert.equal((await call('POST', `${stranger.path}/code`, { token: shops.other.token, body: stranger.back })).status, 200);
    const body = { channel: 'whatsapp', external_id: phone };
    const refused = await call('POST', `${stranger.path}/accounts`, { token: shops.other.token, body });
    assert.equal(refused.status, 409);
    assert.equal(refused.body.code, 'meta.not_controlled');
    // even with the same sign-in: it is the first shop's, once in the installation
    const second = await connect(shops.other, 'ana');
    assert.equal((await call('POST', `${second.path}/code`, { token: shops.other.token, body: second.back })).status, 200);
    assert.equal((await call('POST', `${second.path}/accounts`, { token: shops.other.token, body })).body.code, 'meta.taken');
  });
});

describe('a sign-in', () => {
  it('is ended by whoever began it, with the state that Meta brought back', async () => {
    const begun = await connect(shops.other, 'ana');
    const path = `${begun.path}/code`;
    const forged = { ...begun.back, state: begun.back.state.replace(/.$/, (c) => (c === '0' ? '1' : '0')) };
    assert.equal((await call('POST', path, { token: shops.other.token, body: forged })).status, 403);
    assert.equal((await call('POST', path, { token: shops.ballet.token, body: begun.back })).status, 404);
    const signedIn = await call('POST', '/sessions', { body: { email: `meta-other-${tag}@example.com`, password: 'una clave larga' } });
    assert.equal((await call('POST', path, { token: signedIn.body.secret, body: begun.back })).status, 403);
    assert.ok([...graph.codes.values()].at(-1).used === undefined);
  });

  it('that was cut off between the two tokens goes on', async () => {
    const begun = await connect(shops.other, 'ana');
    graph.fail({ match: ({ grant }) => grant === 'fb_exchange_token', status: 503, body: {} });
    const first = await call('POST', `${begun.path}/code`, { token: shops.other.token, body: begun.back });
    assert.equal(first.body.status, 'exchanged', first.text);
    const second = await until(async () => {
      await system.execute(`UPDATE meta_connections SET due_at = now() - interval '1 hour' WHERE due_at IS NOT NULL AND status = 'exchanged'`);
      const { body } = await call('GET', begun.path, { token: shops.other.token });
      return body.status === 'connected' && body;
    }, { deadlineMs: 30_000, what: 'the token that lasts' });
    assert.equal(second.code, undefined);
  });
});

describe('a token', () => {
  const due = () => system.execute(`UPDATE meta_connections SET due_at = now() - interval '1 hour', refresh_at = now() WHERE status = 'connected'`);
  const refreshes = (outcome) => system.metric('relevo_meta_connections_total', { outcome });

  it('is replaced before it ends, through the limits that Meta sets', async () => {
    graph.fail({ code: 4, match: ({ grant }) => grant === 'fb_exchange_token' });
    const before = await refreshes('refreshed');
    await due();
    await until(async () => {
      await system.execute(`UPDATE meta_connections SET due_at = now() - interval '1 hour' WHERE attempts > 0 AND leased_until IS NULL`);
      return (await refreshes('refreshed')) >= before + 2;
    }, { deadlineMs: 30_000, what: 'both shops have another token' });
    assert.ok((await refreshes('retried')) > 0);
  });

  it('that was taken back is refused once, with an alert, and shown to nobody', async () => {
    graph.revoke('ana');
    await due();
    await until(async () => (await refreshes('refused')) >= 1, { deadlineMs: 30_000, what: 'the refusal is counted' });
    const { body } = await call('GET', '/meta-connections', { token: shops.ballet.token });
    assert.ok(body.items.some(({ status, code }) => status === 'refused' && code === 'meta.bad_token'));
    const told = (await system.log()) + (await system.metrics()) + JSON.stringify(await system.sql('SELECT * FROM audit_log'));
    for (const hidden of [secret, ...graph.tokens.keys(), ...graph.codes.keys()]) assert.ok(!told.includes(hidden));
  });
});

describe('an Instagram account', () => {
  it('is connected by a sign-in of its own', async () => {
    const begun = await connect(shops.ballet, 'eva', 'instagram');
    const connected = await call('POST', `${begun.path}/code`, { token: shops.ballet.token, body: begun.back });
    assert.equal(connected.body?.status, 'connected', connected.text);
    const { body } = await call('GET', `${begun.path}/assets`, { token: shops.ballet.token });
    assert.equal(body.items[0].name, 'ballet');
    const claim = { channel: 'instagram', external_id: body.items[0].external_id };
    const claimed = await call('POST', `${begun.path}/accounts`, { token: shops.ballet.token, body: claim });
    assert.equal(claimed.body.step, 'ready', claimed.text);
    assert.ok(graph.subscriptions.has(claim.external_id));
  });
});
