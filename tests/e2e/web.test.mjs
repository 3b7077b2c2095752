// The web channel as socket.io's own client sees it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { io } from 'socket.io-client';

import { until, up } from './harness.mjs';
import { Visitor } from './web.mjs';

let system;
const visitors = [];

before(async () => {
  system = await up({ quietMs: 500, model: false });
});
afterEach(() => visitors.splice(0).forEach((visitor) => visitor.leaves()));
after(() => system?.leave());

function visit(options) {
  const visitor = new Visitor(system, options);
  visitors.push(visitor);
  return visitor;
}

const standings = (visitor) => visitor.of('standing').map(({ standing }) => standing);

/** `what`: takeover or giveback of the visitor's conversation, whose id it resolves with. They have written already. */
async function handOver(visitor, what) {
  const [{ tenant_id: tenant, conversation_id: id }] = await system.sql(
    `SELECT tenant_id, conversation_id FROM messages WHERE id = '${visitor.messages[0].id}'`);
  const answer = await fetch(`${system.http}/demo/api/conversations/${tenant}/${id}/${what}`, { method: 'POST' });
  assert.equal(answer.status, 200);
  return id;
}

describe('a visitor of a shop', () => {
  it('is answered with a product of that shop: a draft word by word, then the rows', async () => {
    const visitor = await visit().arrives();
    assert.match(visitor.id, /^[0-9a-f]{32}$/);
    assert.deepEqual(visitor.history, []);
    const ack = await visitor.says('Hola, ¿tenés puntas Aurora?');
    assert.equal(ack.ok, true);
    const [answer] = await visitor.isAnswered();
    const bubbles = await until(async () => {
      const rows = await system.sql(`SELECT text FROM replies WHERE turn_id IN
        (SELECT turn_id FROM messages WHERE id = '${ack.id}') ORDER BY index`);
      return rows.length > 0 && visitor.answers.length === rows.length ? rows : undefined;
    }, { deadlineMs: 30_000 });
    assert.deepEqual(visitor.answers.map(({ text }) => text), bubbles.map(({ text }) => text));
    assert.match(visitor.answers.map(({ text }) => text).join('\n'), /Aurora/);
    const deltas = visitor.of('delta');
    assert.ok(deltas.length >= 3, `${deltas.length} deltas`);
    assert.ok(deltas[0].received <= answer.received);
    const draft = bubbles.map((_, index) => deltas.filter((delta) => delta.index === index).map(({ text }) => text).join(''));
    assert.deepEqual(draft.map((text) => text.trim()), bubbles.map(({ text }) => text.trim()));
    assert.equal(visitor.messages[0].direction, 'in');
    assert.equal(visitor.messages[0].id, ack.id);
    assert.deepEqual(visitor.messages.map(({ seq }) => seq), visitor.messages.map((_, index) => index + 1));
  });

  it('of the second shop learns nothing of what the first one sells', async () => {
    const visitor = await visit({ shop: 1 }).arrives();
    await visitor.says('¿Tenés puntas Aurora?');
    await visitor.isAnswered();
    await system.untilIdle();
    assert.doesNotMatch(visitor.answers.map(({ text }) => text).join('\n'), /Aurora|98\.500/);
  });

  it('finds the conversation as it was after coming back', async () => {
    const first = await visit().arrives();
    await first.says('¿Tenés medias?');
    await first.isAnswered();
    await system.untilIdle();
    const said = first.messages.map(({ id, direction, text }) => ({ id, direction, text }));
    first.leaves();
    const again = await visit({ visitor: first.id }).arrives();
    assert.equal(again.id, first.id);
    assert.deepEqual(again.history.map(({ id, direction, text }) => ({ id, direction, text })), said);
    assert.ok(again.history.every(({ seq, at }) => Number.isInteger(seq) && at));
  });

  it('is told who answers, at once and whenever that changes, and never of another conversation', async () => {
    const [visitor, other] = await Promise.all([visit().arrives(), visit().arrives()]);
    await Promise.all([visitor, other].map((each) => each.says('Hola')));
    await Promise.all([visitor, other].map((each) => each.isAnswered()));
    await system.untilIdle();
    await handOver(visitor, 'takeover');
    await until(() => standings(visitor).length === 2);
    const again = await visit({ visitor: visitor.id }).arrives();
    await handOver(visitor, 'giveback');
    await until(() => standings(visitor).length === 3 && standings(again).length === 2);
    assert.deepEqual(standings(visitor), ['agent', 'human', 'agent']);
    assert.deepEqual(standings(again), ['human', 'agent']);
    assert.deepEqual(standings(other), ['agent']);
  });

  it("cannot read another visitor's conversation, nor one of another shop", async () => {
    const first = await visit().arrives();
    await first.says('Es un secreto');
    await first.isAnswered();
    assert.deepEqual((await visit().arrives()).history, []);
    assert.deepEqual((await visit({ shop: 1, visitor: first.id }).arrives()).history, []);
  });

  it('is heard once, however often the same client id is sent', async () => {
    const visitor = await visit().arrives();
    const id = randomUUID();
    const acks = await Promise.all([1, 2, 3].map(() => visitor.says('¿Tenés mallas?', id)));
    await visitor.isAnswered();
    acks.push(await visitor.says('¿Tenés mallas?', id));
    await system.untilIdle();
    assert.deepEqual(new Set(acks.map((ack) => ack.id)), new Set([acks[0].id]));
    assert.equal(visitor.messages.filter(({ direction }) => direction === 'in').length, 1);
    assert.equal((await system.sql(`SELECT 1 FROM turns AS t JOIN messages AS m ON m.turn_id = t.id
      AND m.direction = 'in' WHERE m.id = '${acks[0].id}'`)).length, 1);
  });

  it('sees the same in two tabs', async () => {
    const one = await visit().arrives();
    const two = await visit({ visitor: one.id }).arrives();
    await one.says('¿Tenés tutús?');
    await Promise.all([one.isAnswered(), two.isAnswered()]);
    await system.untilIdle();
    await until(() => two.messages.length === one.messages.length);
    assert.deepEqual(two.messages.map(({ id }) => id), one.messages.map(({ id }) => id));
  });

  it('is refused with a key that no shop has', async () => {
    const visitor = visit({ key: 'f'.repeat(32) });
    await until(() => visitor.refusal);
    assert.match(visitor.refusal.message, /clave/);
    assert.equal(visitor.history, undefined);
  });

  it('is told what is wrong with a message', async () => {
    const visitor = await visit().arrives();
    for (const wrong of [{}, { client_id: 'a' }, { client_id: 'a', text: '' }, { client_id: 'a', text: 'x'.repeat(4_097) }]) {
      const ack = await new Promise((resolve) => visitor.socket.emit('message', wrong, resolve));
      assert.equal(ack.ok, false);
      assert.equal(ack.code, 'web.bad_message');
      assert.ok(ack.text);
    }
    assert.equal((await visitor.says('x'.repeat(4_096))).ok, true);
  });

  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    it(`is answered over ${transports.join(', then ')}`, async () => {
      const visitor = await visit({ transports }).arrives();
      assert.equal((await visitor.says('¿Tenés puntas?')).ok, true);
      await visitor.isAnswered();
      await until(() => visitor.socket.io.engine.transport.name === transports.at(-1));
    });
  }

  it('keeps an emoji and a text of many lines as they were written', async () => {
    const visitor = await visit().arrives();
    const text = 'Hola 👋🏽\n\n¿tenés "puntas" <b>36</b>?\u2028 \\ñ';
    await visitor.says(text);
    const [own] = await until(() => (visitor.messages.length ? visitor.messages : undefined));
    assert.equal(own.text, text);
  });

  it('finds what was typed while the server was away answered once it is back', async () => {
    const visitor = await visit().arrives();
    await system.kill();
    await until(() => !visitor.socket.connected);
    const pending = [visitor.says('¿Tenés puntas?'), visitor.says('En talle 36')]; // socket.io keeps them and sends them later
    await system.start();
    assert.ok((await Promise.all(pending)).every(({ ok }) => ok));
    await visitor.isAnswered(1, 30_000);
    await system.untilIdle();
    const shown = [...visitor.history, ...visitor.messages].filter(({ direction }) => direction === 'in');
    assert.deepEqual(new Set(shown.map(({ text }) => text)), new Set(['¿Tenés puntas?', 'En talle 36']));
  });
});

describe('who answers as a human', () => {
  it('hears of each customer that writes, whichever process stores it', async () => {
    const desk = io(`${system.http}/demo`, { path: '/socket.io/', forceNew: true });
    try {
      const heard = new Set();
      desk.on('written', ({ conversation }) => heard.add(conversation));
      await until(() => desk.connected);
      await system.runAnother();
      const customers = await Promise.all(Array.from({ length: 12 }, () => visit().arrives()));
      await Promise.all(customers.map((customer) => customer.says('Hola')));
      await Promise.all(customers.map((customer) => customer.isAnswered(1, 60_000)));
      const taken = await Promise.all(customers.map((customer) => handOver(customer, 'takeover')));
      assert.deepEqual([...heard], [], 'an agent answered until now');
      await Promise.all(customers.map((customer) => customer.says('¿Hay alguien?')));
      await until(() => taken.every((conversation) => heard.has(conversation)), { what: 'the desk hears of everybody' });
    } finally {
      desk.disconnect();
    }
  });
});
