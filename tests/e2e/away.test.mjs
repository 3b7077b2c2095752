// A provider or a model is away for a while: the others go on, and what waited is sent once, in its order, or is
// shown as not sent.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { newNumber, until, up } from './harness.mjs';
import { Customer } from './whatsapp.mjs';

const answer = ({ messages }) => `Recibido: ${messages.at(-1).content.split('\n').join(' | ')}\n\nGracias.`;

let system;
let begun;

before(async () => {
  system = await up({ quietMs: 300, retries: '300ms,1s,2s', fakes: { openai: { answer } } });
  [{ now: begun }] = await system.sql('SELECT now()');
});
after(() => system?.leave());

/** All sends of the shop's account meet the fault until the returned function is called. */
function takeAway(shop, fault) {
  const { account } = system.shops[shop].webhooks.whatsapp;
  let away = true;
  system.fakes.whatsapp.fail({
    ...fault,
    times: Infinity,
    match: (call) => away && call.kind === 'message' && call.account === account,
  });
  return () => (away = false);
}

async function write(texts, shop) {
  const customers = texts.map(() => new Customer(system, { shop }));
  await Promise.all(customers.map((customer, index) => customer.writes(texts[index])));
  return customers;
}

const openBreakers = () => system.metric('relevo_open_breakers', { channel: 'whatsapp' });

async function noDeadLetters() {
  assert.deepEqual(await system.sql(`SELECT code, text FROM dead_letters WHERE at > '${begun}'`), []);
}

describe('a provider that is away', () => {
  it('is left alone after a few attempts; others go on; back again each gets all bubbles once and in order', async () => {
    const comesBack = takeAway(0, { code: 131016 });
    const texts = Array.from({ length: 8 }, (_, n) => `mensaje ${n}`);
    const early = await write(texts, 0);
    await until(async () => (await openBreakers()) === 1, { what: 'the breaker opens' });
    const late = await write(texts, 0);
    const waiting = ({ length }) => length === 2;
    await until(async () => (await Promise.all(late.map((customer) => customer.replies()))).every(waiting));
    const parked = () => system.metric('relevo_parked_bubbles_total', { channel: 'whatsapp', reason: 'provider away' });
    await until(async () => (await parked()) >= late.length, { what: 'they are parked' });
    assert.ok(late.filter(({ attempts }) => attempts.length === 0).length >= late.length / 2);

    const [other] = await write(['¿me leen?'], 1);
    await other.receives(2);
    assert.deepEqual(other.texts, ['Recibido: ¿me leen?', 'Gracias.']);

    comesBack();
    const all = [...early, ...late];
    await Promise.all(all.map((customer) => customer.receives(2, 60_000)));
    await system.untilIdle(60_000);
    for (const [index, customer] of all.entries()) {
      assert.deepEqual(customer.texts, [`Recibido: ${texts[index % texts.length]}`, 'Gracias.']);
      assert.deepEqual((await customer.replies()).map(({ status }) => status), ['sent', 'sent']);
    }
    assert.equal(await openBreakers(), 0);
    await noDeadLetters();
  });

  it('for longer than an answer is of use gets nothing late, and the conversation shows what was not sent', async () => {
    const comesBack = takeAway(0, { code: 131016 });
    const others = await write(Array.from({ length: 6 }, (_, n) => `otro ${n}`), 0);
    await until(async () => (await openBreakers()) === 1, { what: 'the breaker opens' });
    const [customer] = await write(['¿a qué hora abren?'], 0);
    await until(async () => (await customer.replies()).length === 2);
    const { id, tenant_id: tenant } = await customer.conversation();
    const over = async () => (await customer.replies()).every(({ status, reason }) => status === 'dropped' && reason === 'expired');
    await until(async () => {
      // as if a day had passed for what waits
      await system.execute(`UPDATE timers SET headers = jsonb_set(headers, '{expires}', '1000') WHERE key = '${tenant}:${id}'`);
      return over();
    }, { deadlineMs: 60_000, what: 'they expire' });
    comesBack();
    await customer.writes('¿Hola?');
    await customer.receives(2, 60_000);
    // the answer that was not sent is missing, so the next one is to both
    assert.deepEqual(customer.texts, ['Recibido: ¿a qué hora abren? | ¿Hola?', 'Gracias.']);
    const shown = await (await fetch(`${system.http}/demo/api/conversations/${tenant}/${id}`)).json();
    const unsent = shown.turns[0].replies.map(({ status, reason, text }) => ({ status, reason, text }));
    assert.deepEqual(unsent, [
      { status: 'dropped', reason: 'expired', text: 'Recibido: ¿a qué hora abren?' },
      { status: 'dropped', reason: 'expired', text: 'Gracias.' },
    ]);
    await Promise.all(others.map((other) => other.receives(2, 60_000)));
    await noDeadLetters();
  });
});

describe('a model that is away', () => {
  /** A shop with these lines of its agent; its place in system.shops. */
  async function shop(agent) {
    system.fakes.openai.reset();
    const number = newNumber();
    const [made] = await system.applyShops(`slug: away-${number}
name: Prueba
fallback_text: Ahora te escribe una persona.
agent:
  quiet_ms: 300
  provider: openai
  base_url: ${system.fakes.url}/openai/v1
  model: away
${agent}
whatsapp: {phone_number_id: "${number}", access_token: demo, app_secret: ${system.app_secret}}
credentials: {openai: {API_KEY: fake-key}}
catalogue: [{sku: p1, name: Puntas de satén, price: "100"}]`);
    return system.shops.push(made) - 1;
  }

  it('is replaced by the fallbacks in their order, and the step says who answered', async () => {
    const fallbacks = await shop(`  fallbacks:
    - {provider: openai, base_url: "${system.fakes.url}/openai/v1", model: nobody, credentials: openai}
    - {provider: openai, base_url: "${system.fakes.url}/openai/v1", model: second, credentials: openai}
    - {provider: offline}`);
    system.fakes.openai.fail({ status: 503, times: Infinity, match: ({ model }) => model === 'away' });
    system.fakes.openai.fail({ status: 401, times: Infinity, match: ({ model }) => model === 'nobody' });
    const [customer] = await write(['puntas'], fallbacks);
    await customer.receives(2);
    assert.deepEqual(customer.texts, ['Recibido: puntas', 'Gracias.']);
    const [{ response }] = await system.sql(`SELECT s.response FROM steps AS s JOIN turns AS t ON t.id = s.turn_id
      WHERE t.conversation_id = '${(await customer.conversation()).id}'`);
    assert.equal(response.provider, 'openai');
    assert.equal(response.model, 'second');
    assert.deepEqual(response.in_vain.map(({ model, code }) => [model, code]),
      [['away', 'model.unavailable'], ['nobody', 'model.bad_key']]);
  });

  it('without a fallback leaves nobody in silence: a sentence, and a human has the conversation', async () => {
    const handsOff = await shop('  on_failure: handoff');
    system.fakes.openai.fail({ status: 401, times: Infinity, match: ({ model }) => model === 'away' });
    const [customer] = await write(['puntas'], handsOff);
    await customer.receives(1);
    assert.deepEqual(customer.texts, ['Ahora te escribe una persona.']);
    const { mode, epoch } = await customer.conversation();
    assert.deepEqual([mode, epoch], ['human', 1]);
  });
});
