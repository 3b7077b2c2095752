// One message of the log as elements, and the marks between days.

import { h } from "./dom.js";
import { linkify } from "./text.js";
import { words } from "./words.js";

const clock = new Intl.DateTimeFormat("es-AR", { hour: "2-digit", minute: "2-digit", hour12: false });
const calendar = new Intl.DateTimeFormat("es-AR", { weekday: "long", day: "numeric", month: "long" });
const DAY_MS = 86_400_000;

/** Every item of a conversation as rows; `act` has retry(client_id) and discard(client_id). */
export function rows(items, act) {
  const today = new Date().toDateString();
  let day = today;
  return items.flatMap((item, place) => {
    const its_day = item.at ? new Date(item.at).toDateString() : day;
    const new_day = its_day !== day;
    day = its_day;
    const follows = !new_day && items[place - 1]?.direction === item.direction;
    return [new_day && h("div", { class: "day", key: its_day }, h("span", {}, day_name(its_day))), row(item, follows, act)].filter(Boolean);
  });
}

function row(item, follows, act) {
  const draft = item.state === "draft";
  return h("div", {
    key: item.key,
    class: follows ? "row follows" : "row",
    "data-testid": draft ? "draft" : "message",
    "data-direction": item.direction,
    "data-id": item.id,
    "data-state": item.state,
    "aria-hidden": draft && "true", // a screen reader gets the finished message
  },
  h("div", { class: "bubble" },
    h("span", { class: "hidden" }, `${item.direction === "in" ? words.you : words.shop}: `),
    h("span", { class: "text", "data-testid": "message-text" }, draft ? item.text : linkify(item.text)),
    draft ? item.grows && h("span", { class: "caret" })
      : h("span", { class: "meta" }, h("time", { datetime: item.at }, clock.format(new Date(item.at))), mark(item))),
  item.state === "failed" && h("div", { class: "failure", role: "alert" },
    h("span", {}, item.error),
    h("button", { type: "button", onclick: () => act.retry(item.client_id) }, words.retry),
    h("button", { type: "button", onclick: () => act.discard(item.client_id) }, words.discard)));
}

const shapes = {
  pending: "M6 3.2V6l1.9 1.3M6 1.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6",
  failed: "M6 2.5v4.2M6 9.2v.3",
  sent: "M2 6.6 4.8 9.2 10 3.2",
};

function mark({ direction, state }) {
  if (direction === "out") return null;
  const svg = h("svg", { viewBox: "0 0 12 12" }, h("path", { d: shapes[state] }));
  return h("span", { class: "mark", role: "img", "aria-label": words[state], title: words[state] }, svg);
}

function day_name(day) {
  const ago = Math.round((Date.parse(new Date().toDateString()) - Date.parse(day)) / DAY_MS);
  return [words.today, words.yesterday][ago] ?? calendar.format(new Date(day));
}
