// Joins two views of a conversation, without a browser or a network: the stored rows, which are the truth,
// and the stages' events, which know when and how. The outcome is its ways: each open window or turn with
// its messages' lanes, newest first, and the shop's own replies between them.

import { lane_stages, turn_stages } from "./stages.js";

const EVENTS_MAX = 4_000; // some hundred turns; what is older still shows, without times

export class Track {
  #events = new Map();

  /** False when the event was known already: `recent` repeats after a reconnection. */
  add(event) {
    const key = [event.stage, event.trace, event.topic, event.partition, event.offset, event.started_at, event.reply].join();
    if (this.#events.has(key)) return false;
    this.#events.set(key, event);
    if (this.#events.size > EVENTS_MAX) this.#events.delete(this.#events.keys().next().value);
    return true;
  }

  /** Everything to show of a conversation, newest first: {kind: "way"|"reply", key, at, …}. */
  story(detail) {
    const events = this.#of(detail);
    const windows = new Map();
    for (const message of inbound(detail, events)) {
      const lane = lane_of(message, detail, events);
      const home = lane.turn ?? (lane.cells.buffer.state === "active" ? "open" : message.id);
      if (!windows.has(home)) windows.set(home, []);
      windows.get(home).push(lane);
    }
    const turns = new Map(detail.turns.map((turn) => [turn.id, turn]));
    const ways = [...windows].map(([home, lanes]) => way_of(turns.get(home) ?? (lanes[0].turn ? { id: home, ...unknown_turn } : null), lanes, events));
    return [...ways, ...human_replies(detail)].sort((a, b) => b.at.localeCompare(a.at));
  }

  // An ingress event does not know its conversation; a later one of the same trace does.
  #of({ conversation, messages }) {
    const all = [...this.#events.values()];
    const traces = new Set(messages.map((message) => message.trace).filter(Boolean));
    for (const event of all) if (event.conversation === conversation) traces.add(event.trace);
    return all.filter((event) => event.conversation === conversation || traces.has(event.trace));
  }
}

const unknown_turn = { status: "open", message_ids: [], passages: [], replies: [] };

function inbound(detail, events) {
  const rows = detail.messages.filter((message) => message.author === "contact");
  const known = new Set(rows.flatMap(({ id, trace }) => [id, trace]));
  const early = events
    .filter(({ stage, outcome, message, trace }) => stage === "resolve" && outcome === "emit" && message && !known.has(message) && !known.has(trace))
    .map((event) => ({ id: event.message, trace: event.trace, text: "…", at: event.started_at, early: true }));
  return [...rows, ...early];
}

function lane_of(message, detail, events) {
  const own = events.filter((event) => (message.trace ? event.trace === message.trace : event.message === message.id));
  const cells = Object.fromEntries(lane_stages.map(({ name }) => [name, cell(first_pass(own.filter((event) => event.stage === name)))]));
  const repeated = events.filter((event) => event.stage === "resolve" && event.outcome === "drop" && event.message === message.id).length;
  const turn = message.turn
    ?? own.find((event) => event.stage === "buffer" && event.turn)?.turn
    ?? detail.turns.find((one) => one.message_ids.includes(message.id))?.id;

  for (const name of ["ingress", "resolve"]) if (cells[name].state === "idle") cells[name] = passed;
  if (cells.buffer.state === "idle") {
    const waiting = detail.mode === "agent" && !detail.messages.some((other) => other.turn && other.seq > message.seq);
    if (turn) cells.buffer = passed;
    else if (waiting || message.early) cells.buffer = active(cells.resolve.end ?? Date.parse(message.at));
    else cells.buffer = { ...passed, state: "drop", reason: "a human has the conversation" };
  }
  return { message, cells, turn, repeated };
}

function way_of(turn, lanes, events) {
  const at = lanes[0].message.at;
  const key = lanes[0].message.id; // an open window becomes its turn in place
  if (!turn) return { kind: "way", key, at, turn, lanes, cells: Object.fromEntries(turn_stages.map(({ name }) => [name, idle])), spans: [] };

  const replies = new Set(turn.replies.map((reply) => reply.id));
  const traces = new Set(lanes.map(({ message }) => message.trace).filter(Boolean));
  const own = events.filter((event) => (event.turn ? event.turn === turn.id : replies.has(event.reply) || traces.has(event.trace)));
  const cells = Object.fromEntries(turn_stages.map(({ name }) => [name, cell(own.filter((event) => event.stage === name))]));
  const open = turn.status === "open";
  const answered = turn.replies.length > 0;
  const buffered = Math.max(...lanes.map(({ cells: { buffer } }) => buffer.end ?? 0)) || Date.parse(at);

  if (cells.retrieve.state === "idle") cells.retrieve = answered || turn.passages.length || cells.infer.state !== "idle" || !open ? passed : active(buffered);
  if (cells.infer.state === "idle") {
    if (answered) cells.infer = passed;
    else if (turn.status === "failed") cells.infer = { ...passed, state: "dead" };
    else if (open && cells.retrieve.state === "emit") cells.infer = active(cells.retrieve.end ?? buffered);
  }
  cells.relay = relay_cell(cells.relay, turn, cells.infer);
  if (cells.settle.state === "idle" && turn.replies.some(({ deliveries }) => deliveries.some(({ receipt }) => receipt))) cells.settle = passed;
  return { kind: "way", key, at, turn, lanes, cells, spans: spans(lanes, cells) };
}

// The ledger knows better than the last event: a bubble may be sent while the next one waits its turn.
function relay_cell(seen, turn, infer) {
  if (["dead", "retry", "park"].includes(seen.state)) return seen;
  const has = (status) => turn.replies.some((reply) => reply.status === status);
  if (has("failed")) return { ...seen, state: "dead" };
  if (has("held")) return { ...seen, state: "park" };
  if (has("pending") || (turn.status === "open" && seen.state === "idle" && infer.state === "emit")) return { ...seen, ...active(seen.end ?? infer.end) };
  if (has("sent")) return { ...seen, state: "emit" };
  if (has("dropped")) return { ...seen, state: "drop" };
  return seen;
}

function human_replies(detail) {
  const at = new Map(detail.messages.map((message) => [message.id, message.at]));
  const listed = (detail.replies ?? []).map((reply) => ({
    kind: "reply", key: reply.id, reply, at: reply.created_at ?? at.get(reply.id) ?? reply.deliveries[0]?.at ?? new Date().toISOString(),
  }));
  const known = new Set(listed.map(({ reply }) => reply.text));
  const echoed = detail.messages.filter(({ author, text }) => author === "human" && !known.has(text)) // written on the owner's phone
    .map((message) => ({ kind: "reply", key: message.id, at: message.at, reply: { ...message, status: "sent", deliveries: [] } }));
  return [...listed, ...echoed];
}

const idle = { state: "idle", ms: null, events: [] };
const passed = { state: "emit", ms: null, events: [] }; // the rows prove it, the event is gone
const active = (since) => ({ state: "active", ms: null, events: [], since: since || Date.now() });

// A webhook that comes twice makes further events; the message itself went through once.
function first_pass(events) {
  const end = events.findIndex((event) => event.outcome === "emit");
  return end < 0 ? events : events.slice(0, end + 1);
}

function cell(events) {
  if (!events.length) return idle;
  const latest = new Map(events.map((event) => [event.reply ?? "", event]));
  const outcomes = [...latest.values()].map((event) => event.outcome);
  const ended = (event) => Date.parse(event.started_at) + event.ms;
  return {
    state: ["dead", "retry", "park", "emit"].find((outcome) => outcomes.includes(outcome)) ?? "drop",
    ms: events.reduce((sum, event) => sum + event.ms, 0),
    end: Math.max(...events.map(ended)),
    reason: events.findLast((event) => event.reason)?.reason,
    events,
  };
}

// Where the time went, from the first byte to the last bubble: {stage, from, to} in ms since the epoch.
function spans(lanes, cells) {
  const all = [...lanes.flatMap((lane) => Object.values(lane.cells)), cells.retrieve, cells.infer, cells.relay].flatMap(({ events }) => events);
  return all.map((event) => ({ stage: event.stage, from: Date.parse(event.started_at), to: Date.parse(event.started_at) + event.ms }));
}
