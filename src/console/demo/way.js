// One way as a card: lanes of messages that merge into a turn, where its time went, what was found and what was sent.

import { h } from "/widget/dom.js";
import { linkify } from "/widget/text.js";
import { duration, lane_stages, meanings, stages, turn_stages } from "./stages.js";

const PASSAGES_SHOWN = 3;
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const time = (at) => h("time", { datetime: at, title: at }, clock.format(new Date(at)));
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** A card for one item of a story. */
export const card = (item) => (item.kind === "way" ? way_card(item) : reply_card(item));

function way_card({ key, at, turn, lanes, cells, spans }) {
  const { badge, tone } = standing(turn, lanes);
  return h("article", { class: "card", key, "data-testid": turn ? "turn" : "window", "data-turn": turn?.id, "data-status": turn?.status ?? "window" },
    h("header", {},
      h("span", { class: "badge", "data-tone": tone }, badge),
      h("span", { class: "gist" }, gist(turn, lanes, cells)),
      turn && h("code", { title: `turn ${turn.id}\nrelevo why ${turn.id.slice(0, 8)} tells its story` }, turn.id.slice(0, 8)),
      time(at)),
    path(lanes, cells),
    turn && time_bar(spans),
    turn && h("div", { class: "found" }, passages(turn, cells), bubbles(turn, cells)));
}

function standing(turn, lanes) {
  if (!turn) return lanes[0].cells.buffer.state === "active" ? { badge: "Window open", tone: "active" } : { badge: "No turn", tone: "drop" };
  return {
    open: { badge: "Answering", tone: "active" },
    answered: { badge: "Answered", tone: "emit" },
    superseded: { badge: "Superseded", tone: "drop" },
    failed: { badge: "Failed", tone: "dead" },
    dropped: { badge: "Dropped", tone: "drop" },
  }[turn.status];
}

function gist(turn, lanes, cells) {
  const many = plural(lanes.length, "message");
  if (!turn) return lanes[0].cells.buffer.reason ?? `${many}, waiting for silence`;
  if (turn.status === "superseded") return `${many} · answered by turn ${turn.superseded_by?.slice(0, 8) ?? "to come"}`;
  const [dead_stage, dead] = Object.entries(cells).find(([, { state }]) => state === "dead") ?? [];
  if (dead?.reason || turn.status === "failed") return `${many} · ${dead_stage}: ${dead?.reason ?? "dead letter"}`;
  return `${many} → one turn${turn.replies.length ? ` → ${plural(turn.replies.length, "bubble")}` : ""}`;
}

function path(lanes, cells) {
  return h("div", { class: "path", "data-testid": "path", "data-lanes": lanes.length },
    h("div", { class: "heads per-message" }, lane_stages.map((stage) => head(stage, lanes[0].cells[stage.name]))),
    h("div", { class: "heads per-turn" }, turn_stages.map((stage) => head(stage, cells[stage.name]))),
    h("div", { class: "lanes" }, lanes.map(lane)),
    h("div", { class: "merge", "data-reached": cells.retrieve.state !== "idle" && "yes" }),
    h("div", { class: "shared" }, turn_stages.map(({ name }) => stage_cell(name, cells[name]))));
}

function lane({ message: { id, text, kind }, cells, repeated }) {
  return h("div", { class: "lane", key: id, "data-testid": "path-message", "data-id": id },
    h("div", { class: "quote", title: text }, text || `(${kind})`, repeated > 0 && h("span", { class: "repeated" }, ` +${plural(repeated, "duplicate")} dropped`)),
    lane_stages.map(({ name }) => stage_cell(name, cells[name])));
}

function head({ name, takes }, { events }) {
  const topic = events[0]?.topic ?? takes;
  return h("div", { class: "head" }, h("b", {}, name), h("small", {}, topic.split(/(?<=\.|, )/).map((part) => h("span", {}, part))));
}

const glyphs = {
  emit: "M3.5 8.5 6.5 11.5 12.5 5", drop: "M4 8h8", park: "M6 5v6M10 5v6", active: "", idle: "",
  retry: "M12.5 8A4.5 4.5 0 1 1 11 4.7M11.5 2.5v2.5H9", dead: "M5 5l6 6M11 5l-6 6",
};

function stage_cell(name, { state, ms, since, events, reason }) {
  const { says } = stages.find((stage) => stage.name === name);
  const last = events.at(-1);
  const facts = [
    `${meanings[state]}${reason ? `: ${reason}` : ""}${ms === null ? "" : ` · ${duration(ms)}`}${events.length > 1 ? ` in ${events.length} records` : ""}`,
    last?.topic && last.partition != null && `${last.topic}, partition ${last.partition}, offset ${last.offset}`,
  ].filter(Boolean);
  const tip = [name, says, ...facts].join("\n");
  return h("button", { type: "button", class: "stage", "data-testid": `stage-${name}`, "data-state": state, "data-tip": tip },
    h("span", { class: "spoken" }, `${name}, ${meanings[state]} `),
    h("span", { class: "node" }, h("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, h("path", { d: glyphs[state] }))),
    h("span", { class: "took", "data-since": since }, state === "idle" ? "" : since ? duration(Math.max(0, Date.now() - since)) : duration(ms)));
}

function time_bar(spans) {
  const from = Math.min(...spans.map((span) => span.from));
  const whole = Math.max(...spans.map((span) => span.to)) - from;
  const first_bubble = spans.filter(({ stage }) => stage === "relay").map(({ to }) => to).sort()[0];
  const done = first_bubble !== undefined && whole > 0;
  return h("div", { class: "time" },
    h("div", { class: "bar", "aria-hidden": "true" }, done && spans.map(({ stage, from: start, to }) => h("i", {
      "data-stage": stage, "data-tip": `${stage}\n${duration(to - start)} of ${duration(whole)}`,
      style: `left:${((start - from) / whole) * 100}%;width:${((to - start) / whole) * 100}%`,
    }))),
    h("span", {}, done ? `first bubble after ${duration(first_bubble - from)}` : "\u00a0"));
}

function passages({ passages: all }, cells) {
  const empty = { active: "Searching the catalogue…", emit: "Nothing found in this shop's catalogue." }[cells.retrieve.state] ?? "Not searched yet.";
  const best = Math.max(...all.map(({ score }) => score));
  const shown = all.map((one, place) => passage(one, place, best));
  return h("section", {}, h("h3", {}, "Passages found", all.length > 0 && h("span", {}, all.length)),
    all.length === 0 && h("p", { class: "none" }, empty),
    shown.slice(0, PASSAGES_SHOWN),
    all.length > PASSAGES_SHOWN && h("details", {}, h("summary", {}, `${all.length - PASSAGES_SHOWN} more`), shown.slice(PASSAGES_SHOWN)));
}

// A score means something only beside the others of its search: the best one fills the bar.
function passage({ title, text, score }, place, best) {
  const strength = best > 0 ? Math.max(0, score / best) : 0;
  return h("div", { class: "passage", "data-testid": "passage", tabindex: "0" },
    h("div", { class: "title" }, h("b", {}, title),
      h("meter", { min: "0", max: "1", value: strength, "aria-label": `rank ${place + 1}` }), h("output", {}, score.toFixed(2))),
    h("p", {}, text));
}

function bubbles({ replies, status }, { infer }) {
  const open = infer.state === "active" ? "Being written: a web chat shows it as a draft already." : "None yet.";
  const empty = { open, superseded: "None: a newer message took over.", failed: "None.", dropped: "None." }[status] ?? "None.";
  return h("section", {}, h("h3", {}, "Bubbles sent", replies.length > 0 && h("span", {}, replies.length)),
    replies.length === 0 && h("p", { class: "none" }, empty), replies.map(bubble));
}

function reply_card({ key, at, reply }) {
  return h("article", { class: "card human", key, "data-testid": "human-reply" },
    h("header", {}, h("span", { class: "badge", "data-tone": "human" }, "Human"), h("span", { class: "gist" }, "the shop answered"), time(at)), bubble(reply));
}

function bubble({ id, text, status, reason, deliveries }) {
  const last = deliveries.at(-1);
  const fate = last && ["pending", "failed"].includes(status) ? null // the ledger says more
    : { pending: "waiting to be sent", held: "held: a newer message came", dropped: reason ? `not sent: ${reason}` : "dropped unsent", failed: "failed" }[status];
  return h("div", { class: "sent", key: id, "data-testid": "bubble", "data-status": status },
    h("p", {}, linkify(text)),
    h("div", { class: "ledger" }, fate && h("span", { class: "delivery", "data-status": status }, fate), deliveries.map((one) => delivery(one, one === last))));
}

function delivery({ attempt, status, at, provider_id, receipt, code }, last) {
  const says = { intent: "sending", confirmed: "confirmed", unknown: "outcome unknown", failed: `failed${code ? ` (${code})` : ""}` }[status];
  const title = [provider_id, code].filter(Boolean).join(" · ");
  return h("span", { class: "delivery", "data-testid": "delivery", "data-status": status, "data-receipt": receipt, title },
    (attempt > 1 || !last) && `attempt ${attempt}: `, says, receipt && h("b", {}, receipt), time(at));
}
