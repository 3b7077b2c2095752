// A server goes away under traffic and comes back: what was acknowledged is answered, once, without anybody's help.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { until, up } from './harness.mjs';
import { Visitor } from './web.mjs';
import { Customer } from './whatsapp.mjs';

const outageMs = Number(process.env.RELEVO_E2E_OUTAGE_MS ?? 10_000);
const everyMs = 250;
const answer = ({ messages }) => `Recibido: ${messages.at(-1).content.split('\n').join(' | ')}`;

let system;
let begun;

before(async () => {
  system = await up({ quietMs: 500, fakes: { openai: { answer } } });
  [{ now: begun }] = await system.sql('SELECT now()');
});
after(() => system?.leave());

/** New customers write one message each, one after the other, until `over`; resolves with them and their statuses. */
async function traffic(over) {
  const customers = [];
  const statuses = [];
  let done = false;
  over.finally(() => (done = true)).catch(() => {});
  while (!done) {
    const customer = new Customer(system);
    const next = new Promise((resolve) => setTimeout(resolve, everyMs));
    const message = customer.message(`mensaje ${customers.length}`);
    const sentAt = Date.now();
    const response = await customer.tries(message);
    statuses.push({ status: response.status, ms: Date.now() - sentAt });
    customers.push(Object.assign(customer, { sent: message }));
    await next;
  }
  await over;
  return { customers, statuses };
}

async function stopFor(name, ms = outageMs) {
  await system.stop(name);
  const { ok } = await fetch(`${system.http}/readyz`);
  assert.equal(ok, name !== 'kafka', `/readyz without ${name}`); // webhooks can be taken, or they cannot
  const end = Date.now() + ms;
  await until(() => Date.now() >= end, { deadlineMs: ms + 5_000 });
  await system.start(name);
}

async function assertAnsweredOnce(customers) {
  const unanswered = () => customers.filter(({ bubbles }) => bubbles.length === 0);
  await until(() => unanswered().length === 0, { deadlineMs: 60_000, what: 'all are answered' });
  await system.untilIdle(60_000);
  for (const [index, customer] of customers.entries()) {
    assert.deepEqual(customer.texts, [`Recibido: mensaje ${index}`]);
    assert.equal(customer.attempts.length, 1);
  }
  assert.deepEqual(await system.sql(`SELECT code, text FROM dead_letters WHERE at > '${begun}'`), []);
  const isAway = (state) => state === 'away';
  await until(async () => !Object.values(await (await fetch(`${system.http}/readyz`)).json()).some(isAway),
    { what: '/readyz has all servers back by itself' });
}

/** What /readyz says of each server, while it takes webhooks. */
async function readyWithout(name) {
  const answer = await fetch(`${system.http}/readyz`);
  assert.equal(answer.status, 200);
  assert.equal((await answer.json())[name], 'away');
}

describe('without PostgreSQL', () => {
  it('webhooks are still taken, and all of them are answered once it is back', async () => {
    const { customers, statuses } = await traffic(stopFor('postgres'));
    assert.deepEqual(statuses.filter(({ status }) => status !== 200), []);
    assert.ok(customers.length >= 20);
    await assertAnsweredOnce(customers);
  });
});

describe('without Redis', () => {
  let visitor;
  after(() => visitor?.leaves());

  it('everything goes on, and live drafts come back with it', async () => {
    visitor = await new Visitor(system).arrives();
    const { customers, statuses } = await traffic(stopFor('redis'));
    assert.deepEqual(statuses.filter(({ status }) => status !== 200), []);
    await assertAnsweredOnce(customers);
    await visitor.says('¿Seguís ahí?');
    await visitor.isAnswered();
    assert.ok(visitor.of('delta').length > 0);
    // How many depends on what was on its way at that moment; that they are counted does not.
    assert.match(await system.metrics(), /^relevo_live_dropped_total\{transport="redis"\} \d+$/m);
  });

  it('a page that is open shows its answer before Redis is back', async () => {
    const waiting = await new Visitor(system).arrives();
    await system.stop('redis');
    try {
      await readyWithout('redis');
      await waiting.says('¿Me leen?');
      const [{ text }] = await waiting.isAnswered();
      assert.equal(text, 'Recibido: ¿Me leen?');
      assert.deepEqual(waiting.of('delta'), []);
    } finally {
      await system.start('redis');
      waiting.leaves();
    }
  });
});

describe('without Kafka', () => {
  it('webhooks get 503 within 4 s and a metric says so; sent again later they are answered once', async () => {
    const refused = () => system.metric('relevo_webhooks_total', { status: '503' });
    const before = await refused();
    const { customers, statuses } = await traffic(stopFor('kafka'));
    const away = statuses.filter(({ status }) => status === 503);
    assert.ok(away.length >= 1);
    assert.deepEqual(statuses.filter(({ status }) => ![200, 503].includes(status)), []);
    assert.ok(away.every(({ ms }) => ms <= 4_200), `${Math.max(...away.map(({ ms }) => ms))} ms`); // 200: the way there
    assert.ok((await refused()) >= before + away.length);
    await Promise.all(customers.map((customer) => customer.deliver(customer.sent))); // as Meta does, also after a 200
    await assertAnsweredOnce(customers);
  });
});
