// The operator's hand on a running system: what is paused waits and comes back in order, and a replay changes nothing.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { until, up } from './harness.mjs';
import { Customer } from './whatsapp.mjs';

const answer = ({ messages }) => `Uno sobre ${messages.at(-1).content}\n\nDos\n\nTres`;
const bubblesOf = (text) => [`Uno sobre ${text}`, 'Dos', 'Tres'];

let system;

before(async () => {
  system = await up({ quietMs: 300, fakes: { openai: { answer } } });
});
after(async () => {
  await system?.command('resume', 'relay');
  await system?.leave();
});

const paused = (stage, value) =>
  until(async () => (await system.metric('relevo_paused', { stage })) === value, { what: `relevo_paused{${stage}} ${value}` });

const answered = ({ address }) =>
  until(async () => (await system.sql(`SELECT r.id FROM replies r JOIN conversations c ON c.id = r.conversation_id
    WHERE c.address_value = '${address}'`)).length === 3, { what: 'three bubbles wait to be sent' });

const sent = (customer, count = 3) =>
  until(() => customer.bubbles.length >= count, { deadlineMs: 40_000, what: `${count} bubbles are sent` });

describe('a paused relay', () => {
  it('sends nothing, also after a restart, and then each bubble once and in order', async () => {
    const customer = new Customer(system);
    await system.command('pause', 'relay', '--reason', 'wrong prices', '--by', 'ana');
    await paused('relay', 1);
    await customer.writes('puntas');
    await answered(customer);
    await system.stop('relevo');
    await system.start('relevo');
    await paused('relay', 1);
    const late = await until(async () => {
      const rows = JSON.parse(await system.command('lag', '--json'));
      const relay = rows.filter(({ stage, oldest_age_ms: age }) => stage === 'relay' && age > 0);
      return relay.length > 0 && relay;
    });
    assert.equal(late[0].paused, 'paused');
    assert.equal(late[0].rate, 0);
    assert.equal(late[0].drains_in_ms, undefined);
    const [pause] = JSON.parse(await system.command('pause', 'list', '--json'));
    assert.deepEqual([pause.stage, pause.by, pause.reason], ['relay', 'ana', 'wrong prices']);
    assert.deepEqual(customer.attempts, []);
    await system.command('resume', 'relay');
    await sent(customer);
    await system.untilIdle();
    assert.deepEqual(customer.texts, bubblesOf('puntas'));
    assert.equal(customer.attempts.length, 3);
  });

  it('of one shop leaves the other shops alone', async () => {
    const [waits, goesOn] = [new Customer(system), new Customer(system, { shop: 1 })];
    await system.command('pause', 'relay', '--tenant', system.shops[0].slug);
    await until(async () => (await system.metric('relevo_paused_tenants', { stage: 'relay' })) === 1);
    await Promise.all([waits.writes('mallas'), goesOn.writes('molinos')]);
    await Promise.all([answered(waits), sent(goesOn)]);
    await system.untilIdle();
    assert.deepEqual(waits.attempts, []);
    await system.command('resume', 'relay', '--tenant', system.shops[0].slug);
    await sent(waits);
    await system.untilIdle();
    assert.deepEqual(waits.texts, bubblesOf('mallas'));
    assert.equal(waits.attempts.length, 3);
  });
});

describe('a replay', () => {
  const everything = async () => ({
    // all rows of all tables
    tables: await system.sql(`SELECT table_name, md5(query_to_xml(format('SELECT t::text FROM %I AS t ORDER BY 1',
      table_name), true, true, '')::text) FROM information_schema.tables WHERE table_schema = 'public'
      AND table_type = 'BASE TABLE' ORDER BY 1`),
    log: JSON.parse(await system.command('lag', '--interval', '0', '--json'))
      .map(({ group, partition, end, committed }) => [group, partition, end, committed]),
    sends: system.fakes.whatsapp.calls.length,
  });

  let customer;
  let begun; // what other tests wrote, poison among it, is none of ours
  before(async () => {
    begun = new Date().toISOString();
    customer = new Customer(system);
    await customer.writes('zapatillas');
    await sent(customer);
    await system.untilIdle();
  });

  it('of each topic shows what its stage makes of the records, and neither sends, stores nor produces', async () => {
    const before = await everything();
    const stages = { resolve: 'messages.received', buffer: 'messages.resolved', retrieve: 'turns.ready',
      infer: 'inferences.requested', relay: 'replies.ready' };
    for (const [stage, topic] of Object.entries(stages)) {
      const out = await system.command('replay', topic, '--stage', stage, '--from', begun, '--json');
      const works = out.trim().split('\n').map(JSON.parse);
      assert.ok(works.length > 0, stage);
      assert.ok(works.every(({ effects }) => effects.length > 0), stage);
      assert.ok(!out.includes('zapatillas'), 'no text');
      assert.deepEqual(works.filter(({ outcome }) => outcome === 'failure'), []);
    }
    assert.deepEqual(await everything(), before);
  });

  it('of a bubble that was never sent would send it, and does not', async () => {
    const unsent = new Customer(system);
    await system.command('pause', 'relay');
    await paused('relay', 1);
    await unsent.writes('medias');
    await answered(unsent);
    await until(async () => JSON.parse(await system.command('lag', '--interval', '0', '--json'))
      .every(({ stage, behind, held }) => stage === 'relay' || behind + held === 0));
    const before = await everything();
    const out = await system.command('replay', 'replies.ready', '--stage', 'relay', '--from', begun, '--json');
    const works = out.trim().split('\n').map(JSON.parse);
    assert.ok(works.some(({ effects }) => effects.some(({ what }) => what === 'send whatsapp')));
    assert.deepEqual(await everything(), before);
    assert.deepEqual(unsent.attempts, []);
    await system.command('resume', 'relay');
    await sent(unsent);
    assert.deepEqual(unsent.texts, bubblesOf('medias'));
  });
});
