// The conversations of both shops and of every channel, the latest first.

import { h, morph_children } from "/widget/dom.js";
import { channel_names, person } from "./shop.js";

const SHOWN_MAX = 40; // a load test makes thousands
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export const same = (a, b) => a?.tenant === b?.tenant && a?.conversation === b?.conversation;

/** `follow`: the page goes where the next customer's message arrives. */
export function show_conversations({ list, selected, follow, colors, pick, toggle_follow }) {
  const shown = list.slice(0, SHOWN_MAX);
  morph_children(document.getElementById("conversations"), [
    list.length > 0 && h("button", {
      type: "button", class: "follow", key: "follow", onclick: toggle_follow, "data-testid": "follow", "aria-pressed": String(follow),
      "data-tip": "Follow\nShow the conversation in which a customer writes next.",
    }, h("span", { class: "dot" }), "Follow"),
    ...shown.map((one) => h("button", {
      type: "button", class: "conversation", key: `${one.tenant}/${one.conversation}`, style: `--shop:${colors.get(one.tenant)}`,
      "data-testid": "conversation", "data-tenant": one.tenant, "data-conversation": one.conversation, "data-mode": one.mode,
      "aria-pressed": String(same(one, selected)), onclick: () => pick(one),
    },
    h("span", { class: "who" }, h("b", {}, person(one)), one.mode === "human" && h("em", {}, "human"),
      h("time", { datetime: one.last_at }, clock.format(new Date(one.last_at)))),
    h("span", { class: "what" }, h("i", {}, channel_names[one.channel] ?? one.channel), one.last_text))),
  ].filter(Boolean));
}
