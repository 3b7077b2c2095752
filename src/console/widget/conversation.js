// What the customer sees, decided without a browser or a network: committed messages by `seq`, then
// what is on its way in either direction. The server's rows are the truth; everything else gives way to them.

const ANSWER_EXPECTED_MS = 60_000; // longer than the window plus a model call; after that, dots would be a lie

export class Conversation {
  #committed = new Map(); // id → message
  #mine = []; // own messages without a committed row: {client_id, text, at, state: pending|sent|failed, id?, error?, born}
  #drafts = new Map(); // "turn:index" → {turn, index, text, born}
  #broken = new Set(); // turns some of whose deltas were lost with a connection
  #names = new Map(); // message id → client_id, so that a bubble keeps its place on the page when its row arrives
  #born = 0;
  #human = false; // a human has the conversation: nobody knows when they answer

  say({ client_id, text, at }) { this.#mine.push({ client_id, text, at, state: "pending", born: ++this.#born }); }

  /** The oldest message that still has to be sent. */
  next_unsent() { return this.#mine.find((own) => own.state === "pending"); }

  accepted(client_id, id) {
    if (this.#committed.has(id)) this.discard(client_id);
    else Object.assign(this.#own(client_id) ?? {}, { state: "sent", id });
  }

  refused(client_id, error) { Object.assign(this.#own(client_id) ?? {}, { state: "failed", error }); }
  retry(client_id) { Object.assign(this.#own(client_id) ?? {}, { state: "pending", error: undefined }); }
  discard(client_id) { this.#mine = this.#mine.filter((own) => own.client_id !== client_id); }

  /** Returns the client ids of own messages that the server turned out to have. */
  history(messages) { return messages.map((message) => this.message(message)).filter(Boolean); }

  message(message) {
    this.#committed.set(message.id, message);
    if (message.direction === "out") return void this.#replace_draft(message);
    const own = this.#mine.find((one) => one.client_id === message.client_id || one.id === message.id);
    if (!own) return undefined;
    this.#names.set(message.id, own.client_id);
    this.discard(own.client_id);
    return own.client_id;
  }

  delta({ turn, index, text }) {
    const key = `${turn}:${index}`;
    if (this.#broken.has(turn) || this.#has_row(turn, index)) return;
    const draft = this.#drafts.get(key) ?? { turn, index, text: "", born: ++this.#born };
    this.#drafts.set(key, { ...draft, text: draft.text + text });
  }

  /** The turn's drafts are void; should it be answered after all, its deltas start from the beginning. */
  withdrawn({ turn }) {
    this.#broken.delete(turn);
    for (const [key, draft] of this.#drafts) if (draft.turn === turn) this.#drafts.delete(key);
  }

  /** What an agent was writing is void once a human has the conversation. */
  standing({ standing }) {
    this.#human = standing === "human";
    if (this.#human) this.#drafts.clear();
  }

  /** Without a connection deltas are lost, and a draft with a hole is worse than none. */
  connection_lost() {
    for (const { turn } of this.#drafts.values()) this.#broken.add(turn);
    this.#drafts.clear();
  }

  /** What to show, in order: {key, direction, state, text, at, id?, client_id?, error?}; a draft has state "draft" and, unless its turn has a later one, `grows`. */
  items() {
    const rows = [...this.#committed.values()].sort((a, b) => a.seq - b.seq).map((row) => ({
      ...row,
      key: this.#names.get(row.id) ?? (row.turn ? `${row.turn}:${row.index}` : row.id),
      state: row.direction === "in" ? "sent" : "received",
    }));
    const grows = ({ turn, index }) => ![...this.#drafts.values()].some((other) => other.turn === turn && other.index > index);
    const drafts = [...this.#drafts].map(([key, draft]) => ({ ...draft, key, direction: "out", state: "draft", grows: grows(draft) }));
    const mine = this.#mine.map((own) => ({ ...own, key: own.client_id, direction: "in" }));
    return [...rows, ...[...drafts, ...mine].sort((a, b) => a.born - b.born)];
  }

  /** Until when (ms since the epoch) an agent's answer to the last message may be expected; 0 when none is. */
  expects_answer_until() {
    if (this.#human) return 0;
    const last = this.items().at(-1);
    return last?.direction === "in" && last.state === "sent" ? Date.parse(last.at) + ANSWER_EXPECTED_MS : 0;
  }

  #own(client_id) { return this.#mine.find((own) => own.client_id === client_id); }

  #has_row(turn, index) {
    for (const row of this.#committed.values()) if (row.turn === turn && row.index === index) return true;
    return false;
  }

  #replace_draft({ turn, index }) {
    const key = turn === undefined ? this.#drafts.keys().next().value : `${turn}:${index}`;
    this.#drafts.delete(key);
  }
}
