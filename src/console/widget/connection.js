// Keeps a Conversation in step with the server. A message is sent until the server says it is in the log,
// always with the client id it was born with: the server recognises repetitions by it.

import { open_socket } from "./socket.js";

const ACKNOWLEDGED_WITHIN_MS = 8_000; // the server answers within 4 s, be it with an error
const AFTER_SILENCE_MS = 3_000;
const AFTER_REFUSAL_MS = 15_000; // a refusal can pass (its database was away); socket.io itself does not retry these

export class Connection {
  #socket;
  #key;
  #store;
  #conversation;
  #changed;
  #metadata;
  #sending = false;

  /** idle → connecting → online ⇄ away; refused with `reason` when the server does not want us. */
  state = "idle";
  reason = "";

  /** `metadata` gives what the page says along with a message, or nothing. */
  constructor({ key, store, conversation, changed, metadata = () => undefined }) {
    this.#key = key;
    this.#store = store;
    this.#conversation = conversation;
    this.#changed = changed;
    this.#metadata = metadata;
    for (const message of store.unsent()) conversation.say(message);
  }

  async open() {
    if (this.state !== "idle") return;
    this.#enter("connecting");
    try {
      this.#socket = await open_socket("/web", { auth: (give) => give({ key: this.#key, visitor: this.#store.visitor ?? undefined }) });
    } catch {
      this.#enter("away");
      setTimeout(() => { this.state = "idle"; this.open(); }, AFTER_SILENCE_MS);
      return;
    }
    this.#listen();
    this.#socket.connect();
  }

  say(text) {
    const message = { client_id: new_id(), text, at: new Date().toISOString() };
    this.#store.keep(message);
    this.#conversation.say(message);
    this.open();
    this.#flush();
  }

  retry(client_id) {
    this.#conversation.retry(client_id);
    this.#flush();
  }

  discard(client_id) {
    this.#store.forget(client_id);
    this.#conversation.discard(client_id);
    this.#changed();
  }

  /** After a refusal: asks again now. */
  again() {
    this.#enter("connecting");
    this.#socket.connect();
  }

  #listen() {
    const conversation = this.#conversation;
    const on = (event, apply) => this.#socket.on(event, (payload) => { apply(payload); this.#changed(event, payload); });
    on("session", ({ visitor }) => { this.#store.visitor = visitor; });
    on("standing", (standing) => conversation.standing(standing));
    on("history", ({ messages }) => conversation.history(messages).forEach((own) => this.#store.forget(own)));
    on("message", (message) => {
      const own = conversation.message(message);
      if (own) this.#store.forget(own);
    });
    on("delta", (delta) => conversation.delta(delta));
    on("withdrawn", (turn) => conversation.withdrawn(turn));

    this.#socket.on("connect", () => { this.#enter("online"); this.#flush(); });
    this.#socket.on("disconnect", () => {
      conversation.connection_lost();
      this.#enter("away");
      if (!this.#socket.active) setTimeout(() => this.#socket.connect(), AFTER_SILENCE_MS); // the server closed it, e.g. to restart
    });
    this.#socket.on("connect_error", (error) => {
      if (this.#socket.active) return this.#enter("away");
      this.#enter("refused", error.message);
      setTimeout(() => this.state === "refused" && this.#socket.connect(), AFTER_REFUSAL_MS);
    });
  }

  // One at a time: the order in which they were typed is the order in the log.
  async #flush() {
    this.#changed();
    if (this.#sending) return;
    this.#sending = true;
    for (let own; this.state === "online" && (own = this.#conversation.next_unsent());) {
      const { client_id, text } = own;
      try {
        const answer = await this.#socket.timeout(ACKNOWLEDGED_WITHIN_MS).emitWithAck("message", { client_id, text, metadata: this.#metadata() });
        if (answer.ok) {
          this.#store.forget(client_id);
          this.#conversation.accepted(client_id, answer.id);
        } else {
          this.#conversation.refused(client_id, answer.text ?? answer.code);
        }
        this.#changed();
      } catch {
        if (this.state === "online") await new Promise((resume) => setTimeout(resume, AFTER_SILENCE_MS));
      }
    }
    this.#sending = false;
  }

  #enter(state, reason = "") {
    this.state = state;
    this.reason = reason;
    this.#changed();
  }
}

// randomUUID exists in secure contexts only; a shop's page may be plain http.
function new_id() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
