// What a shop's people read of its conversations below /v1 while they go on, and how they take one over.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { until, up } from './harness.mjs';
import { Visitor } from './web.mjs';

let system;
let session; // an administrator's: who runs the installation reads no conversations
let visitor;
let path; // of their conversation

before(async () => {
  system = await up({ quietMs: 200 });
  const [{ id }] = await system.sql(`SELECT id FROM tenants WHERE slug = '${system.shops[0].slug}'`);
  const operator = { token: system.admin_token, tenant: String(id) };
  const ana = await call('POST', '/users', { email: 'ana.talks@example.com', roles: ['admin'] }, operator);
  const { ticket } = await call('POST', `/users/${ana.id}/tickets`, undefined, operator);
  ({ secret: session } = await call('POST', '/tickets/redeem', { ticket, password: 'una clave larga' }, {}));
  visitor = await new Visitor(system).arrives();
});
after(async () => {
  visitor?.leaves();
  await system?.leave();
});

async function call(method, target, body, { token, tenant } = { token: session }) {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(tenant && { 'x-tenant-id': tenant }),
    ...(body && { 'content-type': 'application/json' }),
  };
  const response = await fetch(`${system.http}/v1${target}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${target}: ${text}`);
  return JSON.parse(text);
}

const messages = async () => (await call('GET', `${path}/messages`)).items;

describe('a conversation below /v1', () => {
  it('stands first once somebody wrote, with each message as it stands', async () => {
    await visitor.says('hola, ¿tenés puntas?');
    const [answer] = await visitor.isAnswered();
    const { items } = await call('GET', '/conversations?channel=web&limit=200');
    // the visitor's own name opens their chat
    const shown = createHash('sha256').update(visitor.id).digest('hex').slice(0, 12);
    const mine = items.find(({ contact }) => contact.address === shown);
    assert.ok(mine, JSON.stringify(items.map(({ contact }) => contact.address)));
    assert.equal(mine.standing, 'agent');
    path = `/conversations/${mine.id}`;
    const stands = async () => (await messages()).map(({ direction, standing }) => `${direction} ${standing}`);
    await until(async () => (await stands()).at(-1) === 'in answered', { deadlineMs: 30_000, what: 'the message stands answered' });
    const sent = (await messages()).filter(({ direction, standing }) => direction === 'out' && standing === 'sent');
    assert.ok(sent.some(({ text }) => text === answer.text));
    assert.ok(sent.every(({ delivery }) => delivery.status === 'confirmed'));
  });

  it('cost what its turns cost', async () => {
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const conversation = path.split('/').at(-1);
    const { items } = await call('GET', `/usage?by=turn&since=${since}&conversation=${conversation}`);
    assert.equal(items.length, 1);
    assert.ok(items[0].calls >= 1, JSON.stringify(items));
    const { cost } = await call('GET', path);
    assert.deepEqual(cost, items[0].cost);
  });

  it('is a human\'s until they give it back', async () => {
    const taken = await call('PUT', `${path}/standing`, { standing: 'human' });
    assert.equal(taken.standing, 'human');
    await visitor.says('¿hay alguien?');
    await until(async () => (await messages())[0].standing === 'human', { what: 'the message is left to a human' });
    const { items } = await call('GET', '/conversations?standing=human&limit=200');
    assert.ok(items.some(({ id }) => path.endsWith(id)));
    const count = visitor.answers.length;
    const given = await call('PUT', `${path}/standing`, { standing: 'agent' });
    assert.equal(given.standing, 'agent');
    await visitor.says('¿y mallas?');
    await visitor.isAnswered(count + 1);
    const log = await call('GET', `/audit-log?subject=${encodeURIComponent(given.log_subject)}`);
    assert.deepEqual(log.items.map(({ after }) => after.standing), ['agent', 'human']);
  });
});
