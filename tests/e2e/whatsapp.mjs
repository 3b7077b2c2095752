// A customer of a shop on WhatsApp: writes signed webhooks, reads what the fake provider got for them.
import assert from 'node:assert/strict';

import { echoChange, messagesChange, postWhatsApp, statusChange, whatsappMessage } from './fakes/webhooks.mjs';
import { newNumber, until } from './harness.mjs';

export class Customer {
  /** `user`: a business-scoped id instead of a number. */
  constructor(system, { shop = 0, user } = {}) {
    this.system = system;
    this.hook = system.hook(shop);
    this.user = user;
    this.address = user ?? newNumber();
  }

  message(text, more = {}) {
    const who = this.user ? { userId: this.user } : { from: this.address };
    return whatsappMessage({ ...who, text, ...more });
  }

  post(changes) {
    return postWhatsApp(this.hook.url, this.hook.secret, changes);
  }

  /** The response to the message's webhook, whatever it is. */
  tries(message) {
    return this.post([messagesChange({ account: this.hook.account, messages: [message] })]);
  }

  async deliver(message) {
    assert.equal((await this.tries(message)).status, 200);
    return message;
  }

  /** One webhook for each text, one after the other. */
  async writes(...texts) {
    const messages = [];
    for (const text of texts) messages.push(await this.deliver(this.message(text)));
    return messages;
  }

  async echo(text) {
    const response = await this.post([echoChange({ account: this.hook.account, to: this.address, text })]);
    assert.equal(response.status, 200);
  }

  async status(bubble, status, more = {}) {
    const { id, reply } = bubble;
    const change = statusChange({ account: this.hook.account, id, reply, status, recipient: this.address, ...more });
    assert.equal((await this.post([change])).status, 200);
  }

  /** Every attempt to send this customer a bubble, refused ones too. */
  get attempts() {
    return this.system.fakes.whatsapp.attemptsTo(this.address);
  }

  /** The bubbles that the provider accepted for this customer, in order of arrival. */
  get bubbles() {
    return this.attempts.filter((call) => call.accepted);
  }

  get texts() {
    return this.bubbles.map((bubble) => bubble.text);
  }

  /** The next `times` sends to this customer meet the fault. */
  fails(fault) {
    this.system.fakes.whatsapp.fail({ ...fault, match: (call) => call.kind === 'message' && call.to === this.address });
  }

  async receives(count, deadlineMs = 30_000) {
    await until(() => this.bubbles.length >= count, {
      deadlineMs,
      what: `${this.address} has ${count} bubbles, not ${this.bubbles.length}`,
    });
    return this.bubbles;
  }

  /** One more message, answered: whatever this conversation had before is settled then, for its order holds. */
  async asksAgain() {
    const answers = () => this.bubbles.filter(({ text }) => text.endsWith('¿Hola?')).length;
    const before = answers();
    await this.writes('¿Hola?');
    await until(() => answers() > before, { deadlineMs: 30_000, what: `${this.address} is answered again` });
    await until(async () => (await this.deliveries()).every(({ status }) => status !== 'intent'));
  }

  get #conversation() {
    return `(SELECT c.id FROM conversations AS c JOIN aliases AS a ON a.contact_id = c.contact_id
             WHERE a.value = '${this.address}')`;
  }

  rows(table, columns = '*', order = '1') {
    return this.system.sql(`SELECT ${columns} FROM ${table} WHERE conversation_id IN ${this.#conversation} ORDER BY ${order}`);
  }

  turns() {
    return this.rows('turns', 'status, first_seq, last_seq', 'first_seq');
  }

  messages() {
    return this.rows('messages', 'seq, direction, author, kind, text', 'seq');
  }

  replies() {
    return this.rows('replies', 'id, status, reason, text', 'order_seq, order_index');
  }

  /** In the replies' order: {status, receipt, code, attempt} of each attempt. */
  deliveries() {
    return this.system.sql(`SELECT d.status, d.receipt, d.code, d.attempt, r.text, r.status AS reply
      FROM deliveries AS d JOIN replies AS r ON r.tenant_id = d.tenant_id AND r.id = d.reply_id
      WHERE r.conversation_id IN ${this.#conversation} ORDER BY r.order_seq, r.order_index, d.attempt`);
  }

  async conversation() {
    const [row] = await this.system.sql(`SELECT id, tenant_id, mode, epoch FROM conversations WHERE id IN ${this.#conversation}`);
    return row;
  }
}
