// A visitor of a shop's page: the stock socket.io-client with the namespace and the events of the widget.
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';

import { until } from './harness.mjs';

export class Visitor {
  /** `visitor`: who they were before. `options` go to socket.io-client. */
  constructor(system, { shop = 0, key = system.shops[shop].web.key, visitor, http = system.http, ...options } = {}) {
    this.system = system;
    this.events = []; // {event, received (ms since 1970), …what came with it}
    this.socket = io(`${http}/web`, {
      path: '/socket.io/', auth: { key, visitor }, forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 500,
      ...options,
    });
    this.socket.onAny((event, payload) => this.events.push({ ...payload, event, received: Date.now() }));
    this.socket.on('connect_error', (error) => (this.refusal = error));
  }

  of(event) {
    return this.events.filter((each) => each.event === event);
  }

  get id() {
    return this.of('session').at(-1)?.visitor;
  }

  get history() {
    return this.of('history').at(-1)?.messages;
  }

  /** What was said while they were here, in and out. */
  get messages() {
    return this.of('message');
  }

  get answers() {
    return this.messages.filter(({ direction }) => direction === 'out');
  }

  async arrives(deadlineMs = 10_000) {
    await until(() => this.history, { deadlineMs, what: 'the session and its history' });
    return this;
  }

  /** Resolves with the acknowledgement. */
  says(text, clientId = randomUUID()) {
    return new Promise((resolve) => this.socket.emit('message', { client_id: clientId, text }, resolve));
  }

  async isAnswered(count = 1, deadlineMs = 20_000) {
    await until(() => this.answers.length >= count, {
      deadlineMs,
      what: `${count} answers, not ${this.answers.length}`,
    });
    return this.answers;
  }

  leaves() {
    this.socket.disconnect();
  }
}
