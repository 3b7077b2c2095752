// Telegram from the update to what the Bot API gets.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { postTelegram, telegramButton, telegramUpdate } from './fakes/webhooks.mjs';
import { until, up } from './harness.mjs';

const answer = ({ messages }) => `Uno: ${messages.at(-1).content.split('\n').at(-1)}\n\nDos.`;

let system;
let hook;

before(async () => {
  system = await up({ quietMs: 500, fakes: { openai: { answer } } });
  hook = system.shops[0].webhooks.telegram;
});
after(() => system?.leave());

class Chat {
  id = randomInt(1_000_000, 2 ** 31);

  get attempts() {
    return system.fakes.telegram.calls.filter(({ kind, chat }) => kind === 'message' && String(chat) === String(this.id));
  }

  get bubbles() {
    return this.attempts.filter(({ accepted }) => accepted);
  }

  async writes(text, more = {}) {
    const update = telegramUpdate({ chat: this.id, text, ...more });
    assert.equal((await postTelegram(hook.url, hook.secret, update)).status, 200);
    return update;
  }

  async receives(count, deadlineMs = 30_000) {
    await until(() => this.bubbles.length >= count, { deadlineMs, what: `${count} bubbles, not ${this.bubbles.length}` });
    return this.bubbles;
  }

  deliveries() {
    return system.sql(`SELECT d.status, d.code FROM deliveries AS d JOIN replies AS r ON r.tenant_id = d.tenant_id AND r.id = d.reply_id
      WHERE r.conversation_id IN (SELECT c.id FROM conversations AS c JOIN aliases AS a ON a.contact_id = c.contact_id
                                  WHERE a.value = '${this.id}') ORDER BY r.order_seq, r.order_index, d.attempt`);
  }
}

describe('Telegram', { concurrency: true }, () => {
  it('is believed only with its secret header', async () => {
    const chat = new Chat();
    const update = telegramUpdate({ chat: chat.id, text: 'Hola' });
    assert.equal((await postTelegram(hook.url, 'wrong', update)).status, 401);
    const bare = await fetch(hook.url, { method: 'POST', body: JSON.stringify(update) });
    assert.equal(bare.status, 401);
    const secret = { 'x-telegram-bot-api-secret-token': hook.secret };
    assert.equal((await fetch(hook.url, { method: 'POST', headers: secret, body: 'not json' })).status, 400);
    const other = system.shops[1].webhooks.telegram;
    assert.equal((await postTelegram(other.url, hook.secret, update)).status, 401);
    await chat.writes('Soy yo');
    await chat.receives(1);
    assert.match(chat.bubbles[0].text, /^Uno: Soy yo$/);
  });

  it('gets the answer from the bot that was written to, after it showed that it is typing', async () => {
    const chat = new Chat();
    await chat.writes('¿Tenés puntas?');
    await chat.receives(2);
    assert.deepEqual(chat.bubbles.map(({ text }) => text), ['Uno: ¿Tenés puntas?', 'Dos.']);
    assert.ok(chat.bubbles.every(({ token }) => token.startsWith(`${hook.account}:`)));
    assert.ok(chat.bubbles[1].at - chat.bubbles[0].at >= 3_950);
    const typing = system.fakes.telegram.calls.find((call) => call.kind === 'typing' && String(call.chat) === String(chat.id));
    assert.ok(typing && typing.at <= chat.bubbles[0].at);
  });

  it('is obeyed when it asks to retry later', async () => {
    const chat = new Chat();
    system.fakes.telegram.fail({ retryAfter: 7, match: ({ kind, chat: id }) => kind === 'message' && String(id) === String(chat.id) });
    await chat.writes('Hola');
    await chat.receives(2);
    assert.ok(chat.attempts[1].at - chat.attempts[0].at >= 7_000);
    assert.deepEqual(chat.bubbles.map(({ text }) => text), ['Uno: Hola', 'Dos.']);
    await until(async () => (await chat.deliveries()).every(({ status }) => status !== 'intent'));
    assert.deepEqual((await chat.deliveries()).map(({ status }) => status), ['failed', 'confirmed', 'confirmed']);
  });

  it('may send an update twice: it is answered once', async () => {
    const chat = new Chat();
    const update = await chat.writes('¿Tenés mallas?');
    const again = Array.from({ length: 10 }, () => postTelegram(hook.url, hook.secret, update));
    assert.ok((await Promise.all(again)).every(({ status }) => status === 200));
    await chat.receives(2);
    await postTelegram(hook.url, hook.secret, update);
    await chat.writes('Gracias'); // the order holds: its answer comes after whatever the repetition would cause
    await chat.receives(4);
    assert.deepEqual(chat.bubbles.map(({ text }) => text),
      ['Uno: ¿Tenés mallas?', 'Dos.', 'Uno: Gracias', 'Dos.']);
  });

  it('hears in the 200 that a button was pressed, and the answer follows', async () => {
    const chat = new Chat();
    const response = await fetch(hook.url, {
      method: 'POST',
      headers: { 'x-telegram-bot-api-secret-token': hook.secret },
      body: JSON.stringify(telegramButton({ chat: chat.id, data: 'talle-38', id: '4382' })),
    });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /^application\/json/);
    assert.deepEqual(await response.json(), { method: 'answerCallbackQuery', callback_query_id: '4382' });
    await chat.receives(1);
    assert.equal(chat.bubbles[0].text, 'Uno: talle-38');
  });

  it('says that the customer blocked the bot: nothing is sent again', async () => {
    const chat = new Chat();
    system.fakes.telegram.blocked.add(chat.id);
    await chat.writes('Hola');
    await until(async () => (await chat.deliveries()).some(({ status }) => status === 'failed'));
    system.fakes.telegram.blocked.delete(chat.id);
    await chat.writes('Volví');
    await until(() => chat.bubbles.some(({ text }) => text === 'Uno: Volví'), { deadlineMs: 30_000 });
    assert.equal(chat.attempts.filter(({ text }) => text === 'Uno: Hola').length, 1);
  });

  it('keeps a bubble unknown that it took without saying so, and gets it once', async () => {
    const chat = new Chat();
    system.fakes.telegram.fail({ close: 'after', match: ({ kind, chat: id }) => kind === 'message' && String(id) === String(chat.id) });
    await chat.writes('Hola');
    await until(async () => (await chat.deliveries())[0]?.status === 'unknown');
    await until(async () => (await system.sql(`SELECT 1 FROM timers WHERE topic = 'replies.ready'`)).length > 0);
    assert.equal(chat.attempts.length, 1);
  });
});
