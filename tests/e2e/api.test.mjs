// /v1 of the running system, as people and programs call it: a shop made by the operator, its people, keys and secrets, what
// each may do, and who did what.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { until, up } from './harness.mjs';

const canary = `sk-${randomBytes(16).toString('hex')}`;
const slug = `danza-${randomBytes(4).toString('hex')}`;
let system;
let shop;

before(async () => {
  system = await up({ quietMs: 200 });
});
after(() => system?.leave());

async function call(method, path, { token = system.admin_token, body, tenant = shop?.id, headers = {} } = {}) {
  const response = await fetch(`${system.http}/v1${path}`, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token === system.admin_token && tenant && { 'x-tenant-id': String(tenant) }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') && !response.headers.get('content-type').includes('ndjson');
  return { status: response.status, headers: response.headers, text, body: json && text ? JSON.parse(text) : undefined };
}

const once = (key = randomUUID()) => ({ 'idempotency-key': key });

/** That an answer of this status has the headers and the members that the document gives it, and no other members. */
async function assertDocumented(method, path, { status, headers, body }) {
  const { body: document } = await call('GET', '/openapi.json', { token: '' });
  const look = (node) => (node.$ref ? look(node.$ref.slice(2).split('/').reduce((at, name) => at[name], document)) : node);
  const typeOf = (value) => (Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value);
  const stated = look(document.paths[path][method].responses[status]);
  for (const [name, header] of Object.entries(stated.headers ?? {})) {
    const value = headers.get(name);
    assert.equal(typeOf(look(header).schema.type === 'integer' && /^\d+$/.test(value) ? Number(value) : value), look(header).schema.type, name);
  }
  const { required, properties } = look(stated.content[headers.get('content-type').split(';')[0]].schema);
  assert.deepEqual(required.filter((name) => !(name in body)), []);
  for (const [name, value] of Object.entries(body)) assert.equal(typeOf(value), properties[name]?.type, name);
}

/** `by`: who invites them; the operator where nobody is named. */
async function person(email, roles, password, by) {
  const user = await call('POST', '/users', { body: { email, roles }, headers: once() });
  assert.equal(user.status, 201, user.text);
  const ticket = await call('POST', `/users/${user.body.id}/tickets`, { token: by });
  assert.equal(ticket.status, 201, ticket.text);
  const session = await call('POST', '/tickets/redeem', { token: '', body: { ticket: ticket.body.ticket, password } });
  assert.equal(session.status, 201, session.text);
  return { id: user.body.id, token: session.body.secret };
}

describe('the document', () => {
  it('is served, as YAML and as JSON, to whoever asks', async () => {
    const json = await call('GET', '/openapi.json', { token: '' });
    assert.equal(json.status, 200);
    assert.equal(json.body.openapi, '3.1.0');
    const yaml = await call('GET', '/openapi.yaml', { token: '' });
    assert.match(yaml.text, /^openapi: 3\.1\.0$/m);
  });

  it('names every refusal by a problem document', async () => {
    for (const [path, status] of [['/nothing', 404], ['/users', 401], ['/openapi.json', 405]]) {
      const answer = await call(status === 405 ? 'DELETE' : 'GET', path, { token: '' });
      assert.equal(answer.status, status);
      assert.match(answer.headers.get('content-type'), /^application\/problem\+json/);
      assert.equal(answer.body.status, status);
      assert.equal(answer.body.trace, answer.headers.get('x-request-id'));
    }
  });
});

describe('an operator', () => {
  it('makes a shop, once however often the request comes', async () => {
    const body = { slug, name: 'Danza', cors_origins: ['https://danza.example'] };
    const headers = once();
    const all = await Promise.all(Array.from({ length: 8 }, () => call('POST', '/tenants', { body, headers })));
    const made = all.filter(({ status }) => status === 201);
    assert.ok(made.length >= 1, JSON.stringify(all.map(({ status }) => status)));
    assert.ok(all.every(({ status }) => status === 201 || status === 409));
    assert.equal(new Set(made.map(({ text }) => text)).size, 1);
    const again = await call('POST', '/tenants', { body, headers });
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    shop = again.body;
    const [{ count }] = await system.sql(`SELECT count(*) FROM tenants WHERE slug = '${slug}'`);
    assert.equal(count, 1);
  });

  it('changes it only where nobody else did meanwhile', async () => {
    const path = `/tenants/${shop.id}`;
    const { headers } = await call('GET', path);
    const etag = headers.get('etag');
    assert.equal((await call('PATCH', path, { body: { name: 'Danza Sur' } })).status, 428);
    assert.equal((await call('PATCH', path, { body: { name: 'Danza Sur' }, headers: { 'if-match': etag } })).status, 200);
    assert.equal((await call('PATCH', path, { body: { name: 'Danza Norte' }, headers: { 'if-match': etag } })).status, 412);
  });
});

describe("a shop's people", () => {
  let ana;
  let vera;

  it('are invited, sign in and may do what their roles say', async () => {
    ana = await person(`ana-${slug}@example.com`, ['admin'], 'una clave larga');
    vera = await person(`vera-${slug}@example.com`, ['viewer'], 'otra clave larga', ana.token);
    assert.equal((await call('POST', `/users/${ana.id}/tickets`, { token: vera.token })).status, 403);
    const me = await call('GET', '/me', { token: ana.token });
    assert.equal(me.body.tenant, shop.id);
    const signed = await call('POST', '/sessions', { token: '', body: { email: `ana-${slug}@example.com`, password: 'una clave larga' } });
    assert.equal(signed.status, 201);
    assert.equal((await call('GET', '/users', { token: ana.token })).body.items.length, 2);
    assert.equal((await call('GET', '/users', { token: vera.token })).status, 403);
    assert.equal((await call('GET', '/tenants', { token: ana.token })).status, 403);
  });

  it('state what holds for their shop, as far as their roles allow', async () => {
    const path = `/tenants/${shop.id}`;
    const change = async (token, body) => {
      const { headers } = await call('GET', path, { token });
      return call('PATCH', path, { token, body, headers: { 'if-match': headers.get('etag') } });
    };
    const changed = await change(ana.token, { time_zone: 'America/Santiago', redact: ['card'], keep_days: 90 });
    assert.equal(changed.status, 200, changed.text);
    assert.deepEqual([changed.body.time_zone, changed.body.redact, changed.body.keep_days], ['America/Santiago', ['card'], 90]);
    const unknown = await change(ana.token, { time_zone: 'Mars/Olympus' });
    assert.equal(unknown.status, 422);
    assert.match(unknown.body.detail, /named as America/);
    assert.equal((await change(vera.token, { keep_days: 30 })).status, 403);
    const [{ id }] = await system.sql(`SELECT id FROM tenants WHERE slug = '${system.shops[0].slug}'`);
    assert.equal((await call('GET', `/tenants/${id}`, { token: ana.token })).status, 404);
    const audit = await call('GET', `/audit-log?subject=shop:${shop.id}`, { token: ana.token });
    assert.equal(audit.body.items[0].actor.id, ana.id);
    assert.equal(audit.body.items[0].after.keep_days, 90);
  });

  it('state secrets that nobody reads again', async () => {
    const path = '/credentials/openai/API_KEY';
    const put = await call('PUT', path, { token: ana.token, body: { value: canary } });
    assert.equal(put.status, 200, put.text);
    assert.equal(put.body.last4, canary.slice(-4));
    assert.equal((await call('PUT', path, { token: vera.token, body: { value: 'x' } })).status, 403);
    const audit = await call('GET', '/audit-log?action=credential', { token: ana.token });
    assert.equal(audit.body.items[0].actor.id, ana.id);
    const exported = await call('GET', '/audit-log/export', { token: ana.token });
    const told = put.text + audit.text + exported.text + (await system.log()) + (await system.metrics());
    assert.ok(!told.includes(canary));
    const lines = exported.text.trim().split('\n').map((line) => JSON.parse(line));
    assert.ok(lines.some(({ action }) => action === 'user.add'));
  });

  it('make keys for programs, which open what they were made for until they are revoked', async () => {
    const headers = once();
    const body = { name: 'crm', scopes: ['users.read'] };
    const made = await call('POST', '/api-keys', { token: ana.token, body, headers });
    assert.equal(made.status, 201, made.text);
    const again = await call('POST', '/api-keys', { token: ana.token, body, headers });
    assert.equal(again.body.id, made.body.id);
    assert.equal(again.body.secret, undefined);
    const other = await call('POST', '/api-keys', { token: ana.token, body: { ...body, name: 'erp' }, headers });
    assert.equal(other.status, 422);
    const token = made.body.secret;
    assert.equal((await call('GET', '/users', { token })).status, 200);
    assert.equal((await call('GET', '/credentials', { token })).status, 403);
    assert.equal((await call('DELETE', `/api-keys/${made.body.id}`, { token: ana.token })).status, 204);
    assert.equal((await call('GET', '/users', { token })).status, 401);
  });

  it('reach nothing of another shop', async () => {
    const foreign = system.shops[0];
    const [{ id }] = await system.sql(`SELECT id FROM tenants WHERE slug = '${foreign.slug}'`);
    const other = await call('POST', '/users', { tenant: id, body: { email: `bo-${slug}@example.com`, roles: ['viewer'] }, headers: once() });
    assert.equal(other.status, 201, other.text);
    for (const [method, path] of [['GET', `/users/${other.body.id}`], ['DELETE', `/users/${other.body.id}/sessions`]]) {
      assert.equal((await call(method, path, { token: ana.token })).status, 404);
    }
    assert.equal((await call('GET', '/users', { token: ana.token, headers: { 'x-tenant-id': String(id) } })).status, 404);
    const { body } = await call('GET', '/users?limit=200', { token: ana.token });
    assert.ok(body.items.every((user) => user.id !== other.body.id));
  });

  it('page through lists with a cursor that is good for nothing else', async () => {
    const first = await call('GET', '/users?limit=1', { token: ana.token });
    const second = await call('GET', `/users?limit=1&cursor=${first.body.next}`, { token: ana.token });
    assert.equal(second.status, 200);
    assert.notEqual(second.body.items[0].id, first.body.items[0].id);
    assert.equal(second.body.next, undefined);
    assert.equal((await call('GET', `/roles?cursor=${first.body.next}`, { token: ana.token })).status, 400);
  });

  it('call from their own pages', async () => {
    const ask = (origin) =>
      fetch(`${system.http}/v1/users`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET' } });
    assert.equal((await ask('https://danza.example')).headers.get('access-control-allow-origin'), 'https://danza.example');
    assert.equal((await ask('https://evil.example')).headers.get('access-control-allow-origin'), null);
    const mine = await call('GET', '/me', { token: ana.token, headers: { origin: 'https://danza.example' } });
    assert.equal(mine.headers.get('access-control-allow-origin'), 'https://danza.example');
    const evil = await call('GET', '/me', { token: ana.token, headers: { origin: 'https://evil.example' } });
    assert.equal(evil.status, 403);
  });

  it('wait as Retry-After says where they call too often, and nobody else does', async () => {
    const made = await call('POST', '/api-keys', { token: ana.token, body: { name: 'hasty', scopes: ['users.read'] }, headers: once() });
    const ask = () => call('GET', '/users', { token: made.body.secret });
    const refused = await until(async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, ask));
      assert.deepEqual(answers.filter(({ status }) => ![200, 429].includes(status)), []);
      return answers.find(({ status }) => status === 429);
    }, { what: 'a call too many' });
    await assertDocumented('get', '/v1/users', refused);
    assert.equal(refused.body.code, 'api.too_many');
    assert.equal(refused.body.status, 429);
    const seconds = Number(refused.headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= 60, `${seconds} s`);
    assert.equal((await call('GET', '/users', { token: ana.token })).status, 200);
    await until(async () => (await ask()).status === 200, { deadlineMs: seconds * 1_000 + 2_000, what: 'it is served again' });
  });

  it('sign out, and are put out', async () => {
    assert.equal((await call('DELETE', '/session', { token: vera.token })).status, 204);
    assert.equal((await call('GET', '/me', { token: vera.token })).status, 401);
    assert.equal((await call('DELETE', `/users/${ana.id}/sessions`)).status, 204);
    assert.equal((await call('GET', '/me', { token: ana.token })).status, 401);
  });
});
