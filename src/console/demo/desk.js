// The shop's side of the selected conversation: who answers, take over, reply, give back.

import { h } from "/widget/dom.js";
import * as api from "./api.js";
import { same } from "./conversations.js";
import { toast } from "./notices.js";
import { person } from "./shop.js";

const TEXT_MAX = 4096;

export class Desk {
  #which = null;
  #drafts = new Map();
  #unsent = null; // a reply is repeated with the client id it was born with

  /** `changed` after each act; `taken` after a take-over, too. */
  constructor(changed, taken) {
    this.mode = h("span", { class: "mode", "data-testid": "mode", role: "status" });
    this.input = h("textarea", {
      "data-testid": "human-input", rows: "1", maxlength: TEXT_MAX, "aria-label": "Reply as the shop", onkeydown: (event) => this.#key(event),
    });
    this.send = h("button", { class: "primary", "data-testid": "human-send" }, "Send");
    this.takeover = h("button", { type: "button", class: "primary", "data-testid": "takeover", onclick: () => this.#act("takeover") }, "Take over");
    this.giveback = h("button", { type: "button", "data-testid": "giveback", onclick: () => this.#act("giveback") }, "Give back");
    this.form = h("form", { "data-testid": "desk", onsubmit: (event) => { event.preventDefault(); this.#reply(); } },
      this.mode, this.input, this.send, this.giveback, this.takeover);
    this.changed = changed;
    this.taken = () => { taken(); this.input.focus(); };
    document.getElementById("desk").append(this.form);
    this.show(null, null);
  }

  /** True while a person is about to write here: the page must not move on. */
  get busy() { return document.activeElement === this.input || this.input.value.trim() !== ""; }

  /** `detail` may still be the list's row: mode, channel and contact are enough. */
  show(which, detail) {
    const mode = detail?.mode ?? "none";
    const human = mode === "human";
    this.#turn_to(which);
    this.form.dataset.mode = this.mode.dataset.mode = mode;
    this.mode.textContent = { agent: "Agent answers", human: "Human answers", none: "The shop" }[mode];
    this.input.disabled = !human;
    this.input.placeholder = human ? `Reply to ${person(detail)}…` : detail ? "Take over to reply yourself" : "Select a conversation";
    this.send.hidden = this.giveback.hidden = !human;
    this.takeover.hidden = human;
    this.takeover.disabled = !detail;
  }

  // What was begun for one person must never reach another.
  #turn_to(which) {
    if (same(which, this.#which)) return;
    const name = (one) => one && `${one.tenant}/${one.conversation}`;
    this.#drafts.set(name(this.#which), this.input.value);
    this.#which = which;
    this.input.value = this.#drafts.get(name(which)) ?? "";
    this.form.dataset.conversation = which?.conversation ?? "";
  }

  async #act(what, body) {
    try {
      await api.act(this.#which, what, body);
      await this.changed();
      if (what === "takeover") this.taken();
      return true;
    } catch (error) {
      toast(error.message);
      return false;
    }
  }

  async #reply() {
    const text = this.input.value.trim();
    if (!text || this.send.disabled) return;
    if (this.#unsent?.text !== text) this.#unsent = { client_id: `${Date.now()}-${Math.random().toString(36).slice(2)}`, text };
    this.send.disabled = true;
    if (await this.#act("reply", this.#unsent)) {
      this.#unsent = null;
      this.input.value = "";
    }
    this.send.disabled = false;
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#reply();
  }
}
