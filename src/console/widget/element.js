// <relevo-widget data-key data-mode="inline|floating" …>: the chat on a shop's page, in a shadow tree of its own.

import { rows } from "./bubble.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { h, morph_children } from "./dom.js";
import { Store } from "./store.js";
import { words } from "./words.js";

const TEXT_MAX = 4096; // the server's limit
const NEAR_END_PX = 80;
const STYLE = new URL("./widget.css", import.meta.url).href;

const icons = {
  chat: "M4 5.5A2.5 2.5 0 0 1 6.5 3h11A2.5 2.5 0 0 1 20 5.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.6 4.2a.4.4 0 0 1-.7-.3V16A1.8 1.8 0 0 1 4 14.2z",
  close: "M6 6l12 12M18 6 6 18",
  send: "M5 12h13M12 5l7 7-7 7",
};
const icon = (name) => h("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: icons[name] }));

class RelevoWidget extends HTMLElement {
  #conversation = new Conversation();
  #connection;
  #at_end = true;
  #unread = 0;
  #dots_timer;

  connectedCallback() {
    if (this.shadowRoot) return;
    const store = new Store(this.dataset.key);
    this.#connection = new Connection({
      key: this.dataset.key, store, conversation: this.#conversation, changed: (event, payload) => this.#changed(event, payload),
      metadata: () => this.#metadata,
    });
    this.#build();
    this.#render();
    // A page view is no conversation: a floating widget connects when there is one, or when it is opened.
    if (this.#inline || store.visitor || store.unsent().length) this.#connection.open();
  }

  get #metadata() {
    try {
      return JSON.parse(this.dataset.metadata ?? "null") ?? undefined;
    } catch {
      console.error("relevo: data-metadata is not JSON");
    }
  }

  get #inline() { return this.dataset.mode === "inline"; }

  focus() { this.#open(); }

  #build() {
    const title = this.dataset.title ?? words.title;
    this.status = h("span", { class: "status" });
    this.notice = h("div", { class: "notice", role: "status" });
    this.log = h("div", { class: "log", role: "log", "aria-label": words.log, "aria-live": "off", tabindex: "0" });
    this.spoken = h("p", { class: "hidden", "aria-live": "polite" });
    this.newer = h("button", { type: "button", class: "newer", hidden: true, onclick: () => this.#to_end() }, words.newer);
    this.input = h("textarea", {
      "data-testid": "widget-input", rows: "1", maxlength: TEXT_MAX, placeholder: words.placeholder, "aria-label": words.input, enterkeyhint: "send",
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
    });
    this.button = h("button", { "data-testid": "widget-send", class: "send", "aria-label": words.send, title: words.send, disabled: true }, icon("send"));
    this.left = h("span", { class: "left", "aria-live": "polite" });
    this.badge = h("span", { class: "badge", hidden: true });
    this.launcher = h("button", {
      type: "button", class: "launcher", "data-testid": "widget-open", "aria-label": words.open, "aria-expanded": "false", onclick: () => this.#open(),
    }, icon("chat"), this.badge);
    const shut = h("button", {
      type: "button", class: "shut", "data-testid": "widget-close", "aria-label": words.close, onclick: () => this.#close(),
    }, icon("close"));
    this.panel = h("section", { class: "panel", role: this.#inline ? "region" : "dialog", "aria-label": title, hidden: !this.#inline },
      h("header", {},
        h("strong", {}, title), this.status,
        !this.#inline && shut),
      h("div", { class: "middle" }, this.log, this.newer),
      this.notice,
      h("form", { onsubmit: (event) => { event.preventDefault(); this.#send(this.input.value); } }, this.input, this.left, this.button),
      this.spoken);
    this.root = h("div", { class: "widget", "data-testid": "relevo-widget", "data-mode": this.dataset.mode, hidden: true,
      onkeydown: (event) => event.key === "Escape" && !this.#inline && this.#close() }, !this.#inline && this.launcher, this.panel);

    const style = h("link", { rel: "stylesheet", href: STYLE });
    style.onload = style.onerror = () => { this.root.hidden = false; this.#to_end(); };
    this.#paint(this.dataset.color);
    this.attachShadow({ mode: "open" }).append(style, this.root);

    this.log.addEventListener("scroll", () => {
      this.#at_end = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END_PX;
      if (this.#at_end) this.newer.hidden = true;
    }, { passive: true });
    new ResizeObserver(() => this.#at_end && this.#to_end()).observe(this.log);
  }

  #changed(event, payload) {
    if (!this.root) return;
    if (event === "message" && payload.direction === "out") {
      this.spoken.textContent = `${words.shop}: ${payload.text}`;
      if (this.panel.hidden) this.#unread++;
      this.newer.hidden = this.#at_end;
    }
    this.#render();
  }

  #render() {
    const { state, reason } = this.#connection;
    this.root.dataset.status = state;
    this.status.textContent = words.status[state];
    const notice = { away: words.away, refused: words.refused(reason) }[state];
    this.notice.replaceChildren(...(notice ? [h("span", {}, notice)] : []),
      ...(state === "refused" ? [h("button", { type: "button", onclick: () => this.#connection.again() }, words.again)] : []));

    const items = this.#conversation.items();
    const typing_ms = state === "online" ? this.#conversation.expects_answer_until() - Date.now() : 0;
    morph_children(this.log, [
      !items.length && this.#greeting(),
      ...rows(items, this.#connection),
      typing_ms > 0 && h("div", { class: "row", key: "typing", "data-testid": "typing", "data-direction": "out" },
        h("div", { class: "bubble dots", role: "img", "aria-label": words.typing }, h("i"), h("i"), h("i"))),
    ].filter(Boolean));
    clearTimeout(this.#dots_timer);
    if (typing_ms > 0) this.#dots_timer = setTimeout(() => this.#render(), typing_ms);

    this.badge.textContent = this.#unread;
    this.badge.hidden = !this.#unread;
    if (this.#at_end) this.#to_end();
  }

  #greeting() {
    const suggestions = (this.dataset.suggestions ?? "").split("|").map((text) => text.trim()).filter(Boolean);
    return h("div", { class: "greeting", key: "greeting" },
      h("p", { class: "hello" }, words.greeting), h("p", {}, words.promise),
      suggestions.length > 0 && h("div", { class: "suggestions", role: "group", "aria-label": words.suggestions },
        suggestions.map((text) => h("button", { type: "button", "data-testid": "suggestion", onclick: () => this.#send(text) }, text))));
  }

  #send(typed) {
    const text = typed.trim();
    if (!text) return;
    if (typed === this.input.value) this.input.value = "";
    this.#at_end = true;
    this.#connection.say(text);
    this.#typed();
    this.input.focus();
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send(this.input.value);
  }

  #typed() {
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
    this.button.disabled = !this.input.value.trim();
    const left = TEXT_MAX - this.input.value.length;
    this.left.textContent = left < 200 ? words.left(left) : "";
  }

  #open() {
    this.panel.hidden = false;
    this.launcher.setAttribute("aria-expanded", "true");
    this.#unread = 0;
    this.#connection.open();
    this.#render();
    this.#to_end();
    this.input.focus({ preventScroll: this.#inline });
  }

  #close() {
    this.panel.hidden = true;
    this.launcher.setAttribute("aria-expanded", "false");
    this.launcher.focus();
  }

  #to_end() {
    this.log.scrollTop = this.log.scrollHeight;
    this.newer.hidden = true;
  }

  #paint(color) {
    if (!/^#[0-9a-f]{6}$/i.test(color ?? "")) return;
    const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
    this.root.style.setProperty("--accent", color);
    this.root.style.setProperty("--on-accent", 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.36 ? "#14120e" : "#ffffff");
  }
}

/** Two script tags on one page define it once. */
export function define() {
  if (!customElements.get("relevo-widget")) customElements.define("relevo-widget", RelevoWidget);
}
