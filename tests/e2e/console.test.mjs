// What the web pages decide without a browser: the widget's conversation, and the way of a message on the demo page.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { embedding, person, shop_color, webhook_addresses } from '../../src/console/demo/shop.js';
import { Track } from '../../src/console/demo/track.js';
import { Conversation } from '../../src/console/widget/conversation.js';

const at = (seconds) => new Date(1e12 + seconds * 1_000).toISOString();

describe("the widget's conversation", () => {
  const shown = (conversation) => conversation.items().map((item) => `${item.direction}:${item.state}:${item.text}`);
  const row = (id, seq, more = {}) => ({ id, seq, direction: 'in', text: id, at: at(seq), ...more });

  it('shows an own message once, whichever of row and acknowledgement comes first', () => {
    for (const rowFirst of [true, false]) {
      const conversation = new Conversation();
      conversation.say({ client_id: 'c', text: 'hola', at: at(0) });
      assert.deepEqual(shown(conversation), ['in:pending:hola']);
      const stored = row('m', 1, { text: 'hola' });
      if (rowFirst) conversation.message(stored);
      conversation.accepted('c', 'm');
      if (!rowFirst) conversation.message(stored);
      assert.deepEqual(shown(conversation), ['in:sent:hola']);
      conversation.history([stored]);
      assert.equal(conversation.items().length, 1);
    }
  });

  it('knows its own message in a row before the acknowledgement', () => {
    const conversation = new Conversation();
    conversation.say({ client_id: 'c', text: 'hola', at: at(0) });
    assert.equal(conversation.message(row('m', 1, { text: 'hola', client_id: 'c' })), 'c');
    assert.deepEqual(shown(conversation), ['in:sent:hola']);
    assert.equal(conversation.next_unsent(), undefined);
  });

  it('orders rows by their place and shows each once', () => {
    const conversation = new Conversation();
    for (const stored of [row('b', 2), row('a', 1), row('b', 2)]) conversation.message(stored);
    assert.deepEqual(shown(conversation), ['in:sent:a', 'in:sent:b']);
  });

  it('lets a draft grow, and its row replace it in place', () => {
    const conversation = new Conversation();
    conversation.delta({ turn: 't', index: 0, text: 'Sí, ' });
    conversation.delta({ turn: 't', index: 0, text: 'hay' });
    conversation.delta({ turn: 't', index: 1, text: 'Otra' });
    assert.deepEqual(shown(conversation), ['out:draft:Sí, hay', 'out:draft:Otra']);
    const { key } = conversation.items()[0];
    conversation.message(row('r0', 2, { direction: 'out', text: 'Sí, hay', turn: 't', index: 0 }));
    assert.equal(conversation.items()[0].key, key);
    conversation.delta({ turn: 't', index: 0, text: 'late' });
    assert.deepEqual(shown(conversation), ['out:received:Sí, hay', 'out:draft:Otra']);
    conversation.message(row('r1', 3, { direction: 'out', text: 'Otra' }));
    assert.deepEqual(shown(conversation), ['out:received:Sí, hay', 'out:received:Otra']);
  });

  it('lets only the last draft of a turn grow: the one before is finished', () => {
    const conversation = new Conversation();
    const grow = () => conversation.items().map(({ grows }) => grows);
    conversation.delta({ turn: 't', index: 0, text: 'Sí.' });
    assert.deepEqual(grow(), [true]);
    conversation.delta({ turn: 't', index: 1, text: 'Otra' });
    assert.deepEqual(grow(), [false, true]);
  });

  it("drops a withdrawn turn's drafts, and what is left of one after a lost connection", () => {
    const conversation = new Conversation();
    conversation.delta({ turn: 't', index: 0, text: 'a' });
    conversation.withdrawn({ turn: 't' });
    assert.deepEqual(shown(conversation), []);
    conversation.delta({ turn: 't', index: 0, text: 'b' });
    assert.deepEqual(shown(conversation), ['out:draft:b']);
    conversation.connection_lost();
    conversation.delta({ turn: 't', index: 0, text: 'c' });
    assert.deepEqual(shown(conversation), []);
  });

  it('expects no answer while a human has it, and one again once an agent has', () => {
    const conversation = new Conversation();
    const stored = row('m', 1, { text: 'hola' });
    conversation.message(stored);
    assert.equal(conversation.expects_answer_until(), Date.parse(stored.at) + 60_000);
    conversation.delta({ turn: 't', index: 0, text: 'Tenemos' });
    conversation.standing({ standing: 'human' });
    assert.deepEqual(conversation.items().filter(({ state }) => state === 'draft'), []);
    assert.equal(conversation.expects_answer_until(), 0);
    conversation.message(row('n', 2));
    assert.equal(conversation.expects_answer_until(), 0);
    conversation.standing({ standing: 'agent' });
    assert.ok(conversation.expects_answer_until() > 0);
  });

  it('sends a refused message again only when it is told to', () => {
    const conversation = new Conversation();
    conversation.say({ client_id: 'c', text: 'hola', at: at(0) });
    conversation.refused('c', 'no');
    assert.equal(conversation.next_unsent(), undefined);
    assert.equal(conversation.items()[0].error, 'no');
    conversation.retry('c');
    assert.equal(conversation.next_unsent().client_id, 'c');
    conversation.discard('c');
    assert.deepEqual(shown(conversation), []);
  });
});

describe('a shop of the demo page', () => {
  it('embeds the widget where it has a web chat, and only there', () => {
    const shop = { slug: 'a-1', name: 'A', web: { key: 'k' }, webhooks: {} };
    assert.deepEqual(embedding(shop, shop_color(0)), { key: 'k', target: '#chat-a-1', color: '#a83e6c' });
    assert.equal(embedding({ ...shop, examples: ['uno', 'dos'] }, shop_color(0)).suggestions, 'uno|dos');
    assert.equal(embedding({ ...shop, web: undefined, webhooks: { whatsapp: { path: '/w' } } }, shop_color(0)), null);
  });

  it('has whole webhook addresses, whichever page they are read on', () => {
    const shop = { webhooks: { whatsapp: { path: '/webhooks/whatsapp/k' }, sms: { path: '/webhooks/sms/k' } } };
    assert.deepEqual(webhook_addresses(shop, 'http://127.0.0.1:8080/demo'), [
      { name: 'WhatsApp', url: 'http://127.0.0.1:8080/webhooks/whatsapp/k' },
      { name: 'sms', url: 'http://127.0.0.1:8080/webhooks/sms/k' },
    ]);
    assert.deepEqual(webhook_addresses({}, 'http://127.0.0.1:8080/demo'), []);
  });

  it('calls a nameless web visitor by a few digits, everybody else as they are known', () => {
    const digits = 'b2437864'.repeat(4);
    assert.equal(person({ channel: 'web', contact: digits }), 'Visitor b243');
    assert.equal(person({ channel: 'web', contact: 'Ana' }), 'Ana');
    assert.equal(person({ channel: 'whatsapp', contact: '5491155550000' }), '5491155550000');
  });
});

describe('the way of a message', () => {
  let offset = 0;
  const event = (stage, more = {}) => ({
    trace: 'T1', tenant: 't', conversation: stage === 'ingress' ? null : 'c', message: stage === 'ingress' ? null : 'm1',
    turn: null, reply: null, stage, outcome: 'emit', reason: null, topic: 'x', partition: 0, offset: ++offset,
    started_at: at(0), ms: 5, ...more,
  });
  const detail = (more = {}) => ({
    tenant: 't', conversation: 'c', mode: 'agent', turns: [], replies: [],
    messages: [{ id: 'm1', seq: 1, direction: 'in', author: 'contact', text: 'hola', at: at(0), turn: null, trace: 'T1' }],
    ...more,
  });
  const inTurn = (turn) => {
    const all = detail({ turns: [{ id: 'u', status: 'open', message_ids: ['m1'], passages: [], replies: [], ...turn }] });
    all.messages[0].turn = 'u';
    return all;
  };
  const track = (...events) => {
    const made = new Track();
    for (const one of events) made.add(one);
    return made;
  };
  const states = (way) => Object.fromEntries(
    [...Object.entries(way.lanes[0].cells), ...Object.entries(way.cells)].map(([stage, { state }]) => [stage, state]));

  it('begins with what ingress did for the same trace, and waits in the window', () => {
    const [way] = track(event('ingress'), event('resolve')).story(detail());
    assert.deepEqual(states(way), {
      ingress: 'emit', resolve: 'emit', buffer: 'active', retrieve: 'idle', infer: 'idle', relay: 'idle', settle: 'idle',
    });
    assert.equal(way.lanes[0].cells.ingress.ms, 5);
  });

  it('shows before its row is read', () => {
    assert.equal(track(event('ingress'), event('resolve')).story(detail({ messages: [] })).length, 1);
  });

  it('is one for the messages of a window, which becomes the turn in place', () => {
    const two = detail();
    two.messages.push({ ...two.messages[0], id: 'm2', seq: 2, trace: 'T2' });
    const seen = new Track();
    const [open, ...others] = seen.story(two);
    assert.equal(others.length, 0);
    assert.equal(open.lanes.length, 2);
    for (const message of two.messages) message.turn = 'u';
    two.turns = [{ id: 'u', status: 'open', message_ids: ['m1', 'm2'], passages: [], replies: [] }];
    const [turn] = seen.story(two);
    assert.equal(turn.key, open.key);
    assert.equal(turn.cells.retrieve.state, 'active');
  });

  it('is passed where its rows say so, without any event', () => {
    const replies = [{ id: 'r', index: 0, text: 'x', status: 'sent', deliveries: [{ receipt: 'read' }] }];
    const [way] = new Track().story(inTurn({ status: 'answered', replies }));
    assert.deepEqual(new Set(Object.values(states(way))), new Set(['emit']));
  });

  it('tells of a retry, a dead letter and a held bubble', () => {
    const seen = track(event('retrieve', { turn: 'u' }), event('infer', { turn: 'u', outcome: 'retry' }));
    assert.equal(seen.story(inTurn())[0].cells.infer.state, 'retry');
    seen.add(event('infer', { turn: 'u', outcome: 'dead', reason: 'model.down' }));
    assert.equal(seen.story(inTurn())[0].cells.infer.state, 'dead');
    const held = inTurn({ replies: [{ id: 'r', status: 'held', deliveries: [] }] });
    assert.equal(seen.story(held)[0].cells.relay.state, 'park');
  });

  it('ends at the buffer where a human has the conversation, whose reply stands by itself', () => {
    const replies = [{ id: 'h', text: 'yo', index: 0, status: 'sent', deliveries: [{ at: at(9) }] }];
    const [reply, way] = new Track().story(detail({ mode: 'human', replies }));
    assert.equal(reply.kind, 'reply');
    assert.equal(way.lanes[0].cells.buffer.state, 'drop');
  });

  it('counts a message that came twice, and takes each event once', () => {
    const seen = track(event('ingress'), event('resolve'), event('resolve', { trace: 'T9', outcome: 'drop' }));
    const [way] = seen.story(detail());
    assert.equal(way.lanes[0].repeated, 1);
    assert.equal(way.lanes[0].cells.resolve.state, 'emit');
    const once = event('infer');
    assert.equal(seen.add(once), true);
    assert.equal(seen.add(once), false);
  });
});
