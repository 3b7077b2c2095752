// kill -9 of the whole process at the worst moments: after it came back the customer gets the rest, once.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { until, up } from './harness.mjs';
import { Customer } from './whatsapp.mjs';

const quietMs = 3_000;

function answer(body) {
  const question = body.messages.at(-1).content;
  const bubbles = Number(/(\d) burbujas/.exec(question)?.[1] ?? 1);
  if (bubbles === 1) return `Recibido: ${question.split('\n').join(' | ')}`;
  return Array.from({ length: bubbles }, (_, index) => `Parte ${index + 1}.`).join('\n\n');
}

let system;
let customer;

before(async () => {
  system = await up({ quietMs, fakes: { openai: { answer } } });
});
beforeEach(() => {
  customer = new Customer(system);
});
after(() => system?.leave());

async function killAndStart() {
  await system.kill();
  await system.start();
}

/** All is settled, one turn was answered, and the customer got `texts` in this order. */
async function assertGot(texts) {
  await customer.receives(texts.length, 60_000);
  await system.untilIdle(90_000);
  assert.deepEqual(customer.texts, texts);
  assert.equal(customer.attempts.length, texts.length);
  assert.deepEqual((await customer.turns()).map(({ status }) => status), ['answered']);
}

const modelCalls = (text) => system.fakes.openai.calls.filter(({ body }) => body.messages.at(-1).content.includes(text));

describe('kill -9', () => {
  it("right after the webhook's 200 loses no message", async () => {
    await customer.writes('recién');
    await killAndStart();
    await assertGot(['Recibido: recién']);
  });

  it('in the open window leaves one answer to all of its messages', async () => {
    const [, { id }] = await customer.writes('primero', 'después');
    await until(async () => (await system.sql(`SELECT 1 FROM messages WHERE event_id = '${id}'`)).length === 1);
    assert.deepEqual(await customer.turns(), []);
    await killAndStart();
    await assertGot(['Recibido: primero | después']);
  });

  it('during the model call asks the model again and answers once', async () => {
    system.fakes.openai.fail({ firstTokenMs: 60_000 });
    await customer.writes('pensá');
    await until(() => modelCalls('pensá').length === 1);
    await killAndStart();
    await assertGot(['Recibido: pensá']);
    assert.equal(modelCalls('pensá').length, 2);
  });

  it('between two bubbles sends the others, in order', async () => {
    await customer.writes('4 burbujas');
    await customer.receives(2);
    await until(async () => (await customer.deliveries()).filter(({ status }) => status === 'confirmed').length === 2);
    await killAndStart();
    await assertGot(['Parte 1.', 'Parte 2.', 'Parte 3.', 'Parte 4.']);
  });

  it('with a bubble in flight leaves that one unknown, and sends the others once', async () => {
    customer.fails({ hang: 'after' });
    await customer.writes('3 burbujas');
    await customer.receives(1);
    await killAndStart();
    await until(async () => (await customer.replies())[0]?.status === 'unknown', { deadlineMs: 30_000 });
    await customer.status(customer.bubbles[0], 'delivered');
    await assertGot(['Parte 1.', 'Parte 2.', 'Parte 3.']);
    assert.deepEqual((await customer.deliveries()).map(({ status }) => status), ['confirmed', 'confirmed', 'confirmed']);
  });

  it('while the webhook is being answered leaves it to the provider to send it again', async () => {
    const message = customer.message('una y otra vez');
    const deliveries = Array.from({ length: 50 }, () => customer.deliver(message).catch(() => undefined));
    await Promise.race(deliveries); // some have their 200, others not
    await killAndStart();
    await Promise.all(deliveries);
    await customer.deliver(message);
    await assertGot(['Recibido: una y otra vez']);
  });
});
