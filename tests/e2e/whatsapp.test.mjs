// WhatsApp from the signed webhook to what the provider gets, and back with its receipts.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import {
  challengeWhatsApp, hubSignature, messagesChange, postWhatsApp, statusChange, whatsappBody, whatsappMessage,
} from './fakes/webhooks.mjs';
import { newNumber, until, up } from './harness.mjs';
import { Customer } from './whatsapp.mjs';

const spacingMs = 4_000;
const megabyte = 1 << 20;

// "3 burbujas: hola" is answered with three bubbles, anything else with one that quotes it.
function answer(body) {
  const question = body.messages.at(-1).content;
  const bubbles = Number(/(\d) burbujas/.exec(question)?.[1] ?? 1);
  if (bubbles === 1) return `Recibido: ${question.split('\n').join(' | ')}`;
  return Array.from({ length: bubbles }, (_, index) => `Parte ${index + 1}.`).join('\n\n');
}

let system;
let hook;

before(async () => {
  system = await up({ quietMs: 800, fakes: { openai: { answer } } });
  hook = system.hook();
});
after(() => system?.leave());

async function post(url, body, headers = {}) {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  return { status: response.status, text: await response.text() };
}

const signed = (body) => ({ 'x-hub-signature-256': hubSignature(hook.secret, body) });

describe('the WhatsApp webhook', { concurrency: true }, () => {
  it('answers the challenge to who knows the verify token', async () => {
    const right = await challengeWhatsApp(hook.url, hook.verify_token, '1158201444');
    assert.equal(right.status, 200);
    assert.match(right.headers.get('content-type'), /^text\/plain/);
    assert.equal(await right.text(), '1158201444');
    const wrong = await challengeWhatsApp(hook.url, 'wrong', '1158201444');
    assert.equal(wrong.status, 401);
    assert.doesNotMatch(await wrong.text(), /1158201444/);
  });

  it('refuses for the first reason of: key, size, signature, JSON', async () => {
    const unknown = hook.url.replace(/[^/]+$/, 'f'.repeat(32));
    const large = Buffer.alloc(5 * megabyte, 'x');
    const before = (await system.log()).length;
    assert.equal((await post(unknown, large)).status, 404);
    assert.equal((await post(hook.url, large, { 'x-hub-signature-256': 'sha256=00' })).status, 413);
    assert.equal((await post(hook.url, 'not json', { 'x-hub-signature-256': 'sha256=00' })).status, 401);
    assert.equal((await post(hook.url, 'not json')).status, 401);
    assert.equal((await post(hook.url, 'not json', signed('not json'))).status, 400);
    assert.equal((await post(hook.url, '{}', signed('{}'))).status, 200);
    for (const status of [404, 413, 401, 400]) {
      await until(async () => {
        const lines = (await system.log()).slice(before).split('\n').filter(Boolean).map((line) => JSON.parse(line));
        return lines.some((line) => line.level === 'warn' && line.status === status);
      }, { what: `a line tells of the ${status}` });
    }
    assert.equal((await fetch(`${system.http}/healthz`)).status, 200);
  });

  it('takes a body of almost 3 MiB', async () => {
    const body = whatsappBody([{ field: 'history', value: { padding: 'x'.repeat(3 * megabyte - 1_000) } }]);
    assert.equal((await post(hook.url, body, signed(body))).status, 200);
  });

  it('keeps 3 MiB of what takes more room in the log: quotes, control characters, bytes that are no text', async () => {
    const body = (id, content) => {
      const metadata = { phone_number_id: hook.account }; // other tests' shops share the address
      const [head, tail] = whatsappBody([{ field: 'history', value: { metadata, id, padding: '@' } }]).split('@');
      const room = 3 * megabyte - head.length - tail.length;
      const padding = Buffer.alloc(room - (room % content.length), content);
      return Buffer.concat([Buffer.from(head), padding, Buffer.from(tail)]);
    };
    const contents = { quotes: '\\"', control: '\\u0001', noText: Buffer.from([0xff]) };
    const lengths = { quotes: 3 * megabyte, control: 3 * megabyte, noText: 9 * megabyte }; // U+FFFD has three bytes
    for (const [name, content] of Object.entries(contents)) {
      const id = `${name}-${newNumber()}`;
      const large = body(id, content);
      const response = await post(hook.url, large, signed(large));
      assert.equal(response.status, 200, `${name}: ${response.text}`);
      const [row] = await until(() => system.sql(
        `SELECT octet_length(raw) AS length FROM archive WHERE type = 'history' AND raw LIKE '%${id}%'`).then(nonempty));
      assert.ok(Math.abs(row.length - lengths[name]) < 1_000, `${name}: ${row.length} bytes`);
    }
  });

  it('archives a message of a type that nobody knows', async () => {
    const customer = new Customer(system);
    const { id } = await customer.deliver(customer.message(undefined, { type: 'hologram', hologram: { depth: 3 } }));
    const [row] = await until(() => system.sql(`SELECT type, raw FROM archive WHERE event_id = '${id}'`).then(nonempty));
    assert.equal(row.type, 'hologram');
    assert.deepEqual(JSON.parse(row.raw).hologram, { depth: 3 });
    assert.deepEqual(await customer.turns(), []);
  });

  it('keeps a message to an account that nobody registered as a dead letter', async () => {
    const from = newNumber();
    const messages = [whatsappMessage({ from, text: 'Hola' })];
    const response = await postWhatsApp(hook.url, hook.secret, [messagesChange({ account: '999999999', messages })]);
    assert.equal(response.status, 200);
    const [dead] = await until(() => system.sql(
      `SELECT stage, code FROM dead_letters WHERE convert_from(value, 'UTF8') LIKE '%${from}%'`).then(nonempty));
    assert.deepEqual(dead, { stage: 'resolve', code: 'resolve.unknown_account' });
    assert.match(await system.log(), /resolve\.unknown_account/);
  });

  it("speaks for all numbers of its app, also another shop's, and for no other", async () => {
    const [first, second, guest] = [newNumber(), newNumber(), newNumber()];
    const agent = 'agent: {name: Ana, quiet_ms: 500}';
    const own = `whatsapp: {numbers: [{phone_number_id: "${first}"}, {phone_number_id: "${second}"}], access_token: demo, app_secret: ${system.app_secret}}`;
    const [app, other] = await system.applyShops(
      `slug: app-${first}\nname: Dueña\n${agent}\n${own}`,
      `slug: guest-${first}\nname: Huésped\n${agent}\nwhatsapp: {phone_number_id: "${guest}", app_of: app-${first}, access_token: demo}`);
    const { url, accounts } = app.webhooks.whatsapp;
    assert.deepEqual(accounts, [first, second].sort());
    assert.equal(other.webhooks.whatsapp.url, url);
    assert.equal(other.webhooks.whatsapp.app_of, `app-${first}`);
    assert.equal(other.webhooks.whatsapp.verify_token, undefined);
    assert.doesNotMatch(JSON.stringify([app, other]), new RegExp(system.app_secret)); // it would be on a terminal
    const customers = { [first]: newNumber(), [second]: newNumber(), [guest]: newNumber(), 999999999: newNumber() };
    const changes = Object.entries(customers).map(([account, from]) =>
      messagesChange({ account, messages: [whatsappMessage({ from, text: 'Hola' })] }));
    assert.equal((await postWhatsApp(url, system.app_secret, changes)).status, 200);
    const stored = (from) => system.sql(`SELECT c.tenant_id, a.external_id FROM conversations AS c
      JOIN accounts AS a ON a.id = c.account_id WHERE c.address_value = '${from}'`);
    for (const [account, tenant] of [[first, app.tenant], [second, app.tenant], [guest, other.tenant]]) {
      const [row] = await until(() => stored(customers[account]).then(nonempty));
      assert.deepEqual(row, { tenant_id: tenant, external_id: account });
      const sent = () => system.fakes.whatsapp.attemptsTo(customers[account]);
      await until(() => sent().length > 0, { what: `${account} is answered` });
      assert.deepEqual([...new Set(sent().map((call) => call.account))], [account]);
    }
    const [dead] = await until(() => system.sql(
      `SELECT code FROM dead_letters WHERE convert_from(value, 'UTF8') LIKE '%${customers[999999999]}%'`).then(nonempty));
    assert.equal(dead.code, 'resolve.unknown_account');
    assert.deepEqual(await stored(customers[999999999]), []);
  });

  it("refuses another shop's account, although the signature is right", async () => {
    const from = newNumber();
    const account = system.shops[1].webhooks.whatsapp.account;
    const messages = [whatsappMessage({ from, text: 'Hola' })];
    const response = await postWhatsApp(hook.url, hook.secret, [messagesChange({ account, messages })]);
    assert.equal(response.status, 200);
    await until(() => system.sql(`SELECT code FROM dead_letters WHERE convert_from(value, 'UTF8') LIKE '%${from}%'`).then(nonempty));
    assert.deepEqual(await system.sql(`SELECT 1 FROM aliases WHERE value = '${from}'`), []);
  });
});

const nonempty = (rows) => (rows.length ? rows : undefined);

function assertSpaced(bubbles) {
  for (let i = 1; i < bubbles.length; ++i) {
    const gap = bubbles[i].at - bubbles[i - 1].at;
    assert.ok(gap >= spacingMs - 50, `bubble ${i} came ${gap} ms after the one before`); // 50: two clocks' rounding
  }
}

// All at once: most of their time is waiting for pauses.
describe('WhatsApp', { concurrency: true }, () => {
  describe('a WhatsApp conversation', { concurrency: true }, () => {
    it('answers five messages within the window as one turn, its bubbles in order and 4 s apart', async () => {
      const customer = new Customer(system);
      const other = new Customer(system);
      await customer.writes('Hola', 'busco puntas', 'para mi hija', 'talle 36', '3 burbujas');
      await customer.receives(1);
      await other.writes('Buenas');
      const asked = Date.now();
      await other.receives(1);
      const [theirs] = other.bubbles;
      const bubbles = await customer.receives(3);
      assert.deepEqual(customer.texts, ['Parte 1.', 'Parte 2.', 'Parte 3.']);
      assertSpaced(bubbles);
      assert.ok(theirs.at < bubbles[1].at, `the other conversation waited ${theirs.at - asked} ms`);
      await until(async () => (await customer.messages()).length === 8);
      assert.deepEqual((await customer.turns()).map(({ status, first_seq, last_seq }) => [status, first_seq, last_seq]),
        [['answered', 1, 5]]);
      assert.deepEqual((await customer.messages()).map(({ direction, text }) => `${direction} ${text}`), [
        'in Hola', 'in busco puntas', 'in para mi hija', 'in talle 36', 'in 3 burbujas',
        'out Parte 1.', 'out Parte 2.', 'out Parte 3.',
      ]);
    });

    it('shows that it is typing before it answers', async () => {
      const customer = new Customer(system);
      const [{ id }] = await customer.writes('Hola');
      await customer.receives(1);
      const typing = system.fakes.whatsapp.calls.find((call) => call.kind === 'typing' && call.lastMessage === id);
      assert.ok(typing && typing.at <= customer.bubbles[0].at);
    });

    it('takes a webhook that comes 20 times at once for one message', async () => {
      const customer = new Customer(system);
      const message = customer.message('¿Tenés mallas?');
      await Promise.all(Array.from({ length: 20 }, () => customer.deliver(message)));
      await customer.receives(1);
      await customer.deliver(message); // and once more after the answer
      await customer.asksAgain();
      assert.deepEqual(customer.texts, ['Recibido: ¿Tenés mallas?', 'Recibido: ¿Hola?']);
      assert.equal((await customer.turns()).length, 2);
      assert.deepEqual((await customer.messages()).map(({ direction }) => direction), ['in', 'out', 'in', 'out']);
    });

    it('handles every entry and every change of a webhook', async () => {
      const [one, two] = [new Customer(system), new Customer(system)];
      const { account } = hook;
      const response = await one.post([
        messagesChange({ account, messages: [one.message('Soy una')] }),
        messagesChange({ account, messages: [two.message('Soy otra')] }),
      ]);
      assert.equal(response.status, 200);
      await Promise.all([one.receives(1), two.receives(1)]);
      assert.deepEqual([one.texts, two.texts], [['Recibido: Soy una'], ['Recibido: Soy otra']]);
    });

    it('answers a contact without a phone number to the business-scoped id', async () => {
      const customer = new Customer(system, { user: `AR.${newNumber()}` });
      await customer.writes('Hola');
      const [bubble] = await customer.receives(1);
      assert.equal(bubble.body.recipient, customer.address);
      assert.equal(bubble.body.to, undefined);
    });

    it('settles a delivery by its statuses, which only move forward', async () => {
      const customer = new Customer(system);
      await customer.writes('Hola');
      const [bubble] = await customer.receives(1);
      const receipt = async () => (await customer.deliveries())[0].receipt;
      const stale = () => system.metric('relevo_records_total', { stage: 'settle', outcome: 'drop' });
      const before = await stale();
      await customer.status(bubble, 'delivered');
      await until(async () => (await receipt()) === 'delivered');
      await customer.status(bubble, 'sent');
      await customer.status(bubble, 'read');
      await until(async () => (await receipt()) === 'read');
      await customer.status(bubble, 'delivered');
      await until(async () => (await stale()) >= before + 2, { what: 'two receipts came too late' });
      assert.equal(await receipt(), 'read');
      assert.deepEqual((await customer.deliveries()).map(({ status }) => status), ['confirmed']);
    });

    it('falls silent when the owner answers from the phone', async () => {
      const customer = new Customer(system);
      await customer.writes('4 burbujas');
      await customer.receives(1);
      await customer.echo('Hola, soy Ana, te ayudo yo');
      await until(async () => (await customer.conversation()).mode === 'human');
      const already = customer.bubbles.length;
      await customer.writes('¡Gracias!');
      await until(async () => (await customer.replies()).every(({ status }) => ['sent', 'dropped'].includes(status)));
      await until(async () => (await customer.messages()).some(({ text }) => text === '¡Gracias!'));
      assert.ok(customer.bubbles.length <= already + 1, 'only the bubble in flight could still land');
      assert.ok(customer.bubbles.length < 4);
      assert.equal((await customer.turns()).length, 1);
    });

    it('drops what was not sent when the customer writes again, and answers once more', async () => {
      const customer = new Customer(system);
      await customer.writes('4 burbujas');
      await customer.receives(1);
      await customer.writes('mejor otra cosa');
      await until(() => customer.texts.some((text) => text.includes('mejor otra cosa')), { deadlineMs: 30_000 });
      await until(async () => (await customer.replies()).every(({ status }) => ['sent', 'dropped'].includes(status)));
      assert.ok(customer.bubbles.length < 5, customer.texts.join(' / '));
      assert.equal((await customer.turns()).at(-1).status, 'answered');
      assertSpaced(customer.bubbles);
    });
  });

  describe('what WhatsApp refuses', { concurrency: true }, () => {
    const retried = [[131056, 'whatsapp.pair_rate'], [130429, 'whatsapp.throughput']];
    for (const [code, name] of retried) {
      it(`sends again after ${code}, later`, async () => {
        const customer = new Customer(system);
        customer.fails({ code });
        await customer.writes('2 burbujas');
        await customer.receives(2, 60_000);
        assert.deepEqual(customer.texts, ['Parte 1.', 'Parte 2.']);
        assert.ok(customer.attempts[1].at - customer.attempts[0].at >= spacingMs);
        await until(async () => (await customer.deliveries()).every(({ status }) => status !== 'intent'));
        assert.deepEqual((await customer.deliveries()).map(({ status, code: why }) => [status, why]),
          [['failed', name], ['confirmed', ''], ['confirmed', '']]);
      });
    }

    const final = [[131026, 'whatsapp.undeliverable'], [131047, 'whatsapp.window_closed']];
    for (const [code, name] of final) {
      it(`does not send again after ${code}`, async () => {
        const customer = new Customer(system);
        customer.fails({ code });
        await customer.writes('Hola');
        await until(async () => (await customer.replies())[0]?.status === 'failed');
        await customer.asksAgain();
        assert.equal(customer.attempts.length, 2);
        assert.deepEqual((await customer.deliveries()).map(({ status, code: why }) => [status, why]),
          [['failed', name], ['confirmed', '']]);
      });
    }
  });

  describe('a send without an answer', { concurrency: true }, () => {
    for (const fault of [{ close: 'after' }, { hang: 'after' }]) {
      it(`is unknown until its receipt tells (${JSON.stringify(fault)})`, async () => {
        const customer = new Customer(system);
        customer.fails(fault);
        await customer.writes('2 burbujas');
        await until(async () => (await customer.deliveries())[0]?.status === 'unknown', { deadlineMs: 30_000 });
        await customer.status(customer.bubbles[0], 'delivered');
        await until(async () => (await customer.deliveries())[0].status === 'confirmed');
        assert.equal((await customer.replies())[0].status, 'sent');
        const receiptAt = Date.now();
        await customer.receives(2, 90_000);
        assert.ok(Date.now() - receiptAt < 20_000, `the next bubble waited ${Date.now() - receiptAt} ms after the receipt`);
        await until(async () => (await customer.messages()).length === 3);
        assert.equal(customer.attempts.length, 2);
        assert.deepEqual((await customer.messages()).map(({ text }) => text), ['2 burbujas', 'Parte 1.', 'Parte 2.']);
      });
    }

    it('stays unknown without a receipt, is never sent again, and holds what follows for a minute', async () => {
      const customer = new Customer(system);
      customer.fails({ close: 'after' });
      await customer.writes('2 burbujas');
      const [first, second] = await customer.receives(2, 100_000);
      assert.deepEqual(customer.texts, ['Parte 1.', 'Parte 2.']);
      assert.ok(second.at - first.at >= 60_000);
      await until(async () => (await customer.deliveries())[1].status === 'confirmed');
      assert.deepEqual((await customer.deliveries()).map(({ status }) => status), ['unknown', 'confirmed']);
    });

    it('is not sent again when the provider refuses the receipt later', async () => {
      const customer = new Customer(system);
      customer.fails({ close: 'after' });
      await customer.writes('Hola');
      await until(async () => (await customer.deliveries())[0]?.status === 'unknown');
      const change = statusChange({
        account: hook.account, id: customer.bubbles[0].id, reply: customer.bubbles[0].reply, status: 'failed',
        recipient: customer.address, errors: [{ code: 131026, title: 'Message undeliverable' }],
      });
      assert.equal((await customer.post([change])).status, 200);
      await until(async () => (await customer.replies())[0].status === 'failed');
      assert.equal(customer.attempts.length, 1);
    });
  });
});
