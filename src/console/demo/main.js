// The demo page: fetches what is stored, listens to what happens, and shows both as one.

import { h, morph_children } from "/widget/dom.js";
import { open_socket } from "/widget/socket.js";
import * as api from "./api.js";
import { same, show_conversations } from "./conversations.js";
import { Desk } from "./desk.js";
import { banner, toast } from "./notices.js";
import { beat, show_pipeline } from "./pipeline.js";
import { shop_color } from "./shop.js";
import { show_shops } from "./shops.js";
import { duration } from "./stages.js";
import { Track } from "./track.js";
import { card } from "./way.js";
import "./tip.js";

const CARDS_MAX = 30;
const RETRY_MS = 2_000;
// One fetch for however many nudges come in this time; the list is the dearer one.
const DETAIL_NUDGES_MS = 100;
const LIST_NUDGES_MS = 400;

const track = new Track();
const colors = new Map(); // by tenant; a shop keeps its own, whoever else comes and goes
let list = [];
let selected = null;
let detail = null;
let follow = true;

const desk = new Desk(() => { fetch_list(); return fetch_detail(); }, () => { follow = false; draw_list(); });
const fetch_list = gathered(LIST_NUDGES_MS, async () => {
  list = await api.conversations();
  if (!selected && list.length) pick(list[0]);
  draw_list();
});
const fetch_detail = gathered(DETAIL_NUDGES_MS, async () => {
  const which = selected;
  if (!which) return;
  const fetched = await api.detail(which);
  if (!same(which, selected)) return void fetch_detail();
  detail = fetched;
  desk.show(selected, detail);
  draw();
});

const fetch_shops = gathered(LIST_NUDGES_MS, async () => take_shops(await api.shops()));

function take_shops(shops) {
  for (const { tenant } of shops) if (!colors.has(tenant)) colors.set(tenant, shop_color(colors.size));
  show_shops(shops, colors, show_view);
  const views = [...shops.map(({ slug, name }) => [slug, name]), ["inside", "Inside relevo"]];
  document.getElementById("tabs").replaceChildren(...views.map(([view, name]) =>
    h("button", { type: "button", "data-view": view, "data-testid": `tab-${view}`, onclick: () => show_view(view) }, name)));
  const { view } = document.body.dataset;
  show_view(views.some(([name]) => name === view) ? view : "inside");
  if (selected && !shops.some(({ tenant }) => tenant === selected.tenant)) pick(null);
  fetch_list();
}

function pick(which) {
  if (same(which, selected)) return;
  selected = which;
  detail = null;
  desk.show(selected, list.find((one) => same(one, which)));
  draw();
  draw_list();
  fetch_detail();
}

function draw_list() {
  show_conversations({
    list, selected, follow, colors,
    pick: (which) => { follow = false; pick(which); draw_list(); },
    toggle_follow: () => { follow = !follow; draw_list(); },
  });
}

function draw() {
  const cards = detail ? track.story(detail).slice(0, CARDS_MAX).map(card) : [];
  morph_children(document.getElementById("ways"), cards.length ? cards : selected ? [] : [empty()]);
}

const empty = () => h("div", { class: "empty", key: "empty" },
  h("p", {}, "Nothing has happened yet."),
  h("p", {}, "Write to one of the shops: every stage that the message passes lights up here, with its time, the passages it found and the bubbles it sent."));

/** Runs `work` within `ms`, once for all calls until then, never twice at a time. */
function gathered(ms, work) {
  let planned = null;
  let running = Promise.resolve();
  return () => planned ??= new Promise((resume) => setTimeout(resume, ms)).then(() => running).then(() => {
    planned = null;
    return running = work().catch((error) => error.status && toast(error.message));
  });
}

let drawing = false;
function draw_soon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}

function take(event, live) {
  if (!track.add(event)) return;
  beat(event, live);
  if (live && event.stage === "resolve" && event.outcome === "emit" && event.conversation) go_after(event);
}

/** Where a customer wrote the page goes, unless it is held here. */
function go_after({ tenant, conversation }) {
  if (!follow || desk.busy) return;
  pick({ tenant, conversation });
  document.getElementById("conversations").scrollLeft = 0; // the latest comes first
}

/** Without `which` it may be any. */
function fetch_changed(which) {
  fetch_list();
  if (!which || same(which, selected)) fetch_detail();
}

function listen(socket) {
  const link = document.getElementById("link");
  const say = (state, text) => { link.dataset.state = state; link.textContent = text; };
  const away = () => { say("away", "Reconnecting…"); banner("The server is away. Reconnecting; what you write is kept and sent then."); };
  socket.on("connect", () => { say("live", "Live"); banner(null); fetch_shops(); fetch_detail(); });
  socket.on("disconnect", () => { away(); if (!socket.active) setTimeout(() => socket.connect(), RETRY_MS); });
  socket.on("connect_error", () => { away(); if (!socket.active) setTimeout(() => socket.connect(), RETRY_MS); });
  socket.on("recent", (events) => { events.forEach((event) => take(event, false)); draw_soon(); });
  socket.on("stage", (event) => { take(event, true); if (!event.conversation || event.conversation === selected?.conversation) draw_soon(); });
  socket.on("changed", fetch_changed);
  socket.on("written", (which) => { fetch_changed(which); go_after(which); });
  socket.on("shops", fetch_shops);
  socket.connect();
}

/** Where there is room for one thing only: a shop's slug, or "inside". */
function show_view(view) {
  document.body.dataset.view = view;
  for (const tab of document.querySelectorAll("#tabs button")) tab.setAttribute("aria-pressed", tab.dataset.view === view);
  for (const shop of document.querySelectorAll(".shop")) shop.toggleAttribute("data-shown", shop.dataset.view === view);
}

async function start() {
  show_pipeline();
  draw();
  const shops = await insist(api.shops);
  take_shops(shops);
  show_view(shops[0]?.slug ?? "inside");
  listen(await insist(() => open_socket("/demo")));
}

async function insist(work) {
  for (;;) {
    try {
      const result = await work();
      banner(null);
      return result;
    } catch (error) {
      banner(`${error.message} Trying again…`);
      await new Promise((resume) => setTimeout(resume, RETRY_MS));
    }
  }
}

setInterval(() => {
  for (const running of document.querySelectorAll("[data-since]")) running.textContent = duration(Math.max(0, Date.now() - Number(running.dataset.since)));
}, 100);
start();
