// Left: each shop's page as its customers see it, with the widget embedded by the same one line that any shop uses.

import { h } from "/widget/dom.js";
import { toast } from "./notices.js";
import { chat_id, embedding, webhook_addresses } from "./shop.js";

const frames = new Map(); // a shop's row as text: its page, which keeps what is being written there

/** Shops that came or changed get a page, those that are gone leave; all others stay as they are. `colors`: by tenant. */
export function show_shops(shops, colors, show_view) {
  const shown = document.getElementById("shops");
  const rows = shops.map((shop) => JSON.stringify(shop));
  for (const [row, page] of frames) {
    if (rows.includes(row)) continue;
    page.remove();
    frames.delete(row);
  }
  shops.forEach((shop, place) => {
    if (frames.has(rows[place])) return;
    const color = colors.get(shop.tenant);
    const page = frame(shop, color);
    frames.set(rows[place], page);
    shown.insertBefore(page, shown.children[place] ?? null);
    embed(embedding(shop, color));
  });

  const write_to = (slug) => {
    show_view(slug);
    document.querySelector(`#${chat_id(slug)} relevo-widget`)?.focus();
  };
  const [first, second] = shops.filter(({ web }) => web);
  document.getElementById("hints").replaceChildren(...[
    h("span", {}, "Try"),
    first && hint("Write twice, quickly", "one turn, one answer", () => write_to(first.slug)),
    second && hint("Ask the other shop", "it has its own catalogue", () => write_to(second.slug)),
    hint("Reload the page", "the conversation stays", () => location.reload()),
  ].filter(Boolean));
}

function embed(tag) {
  if (!tag) return;
  const script = document.createElement("script");
  script.src = "/widget.js";
  script.async = true;
  Object.assign(script.dataset, tag);
  document.body.append(script);
}

function frame(shop, color) {
  const { slug, name, web } = shop;
  return h("article", { class: "shop", "data-testid": `shop-${slug}`, "data-view": slug, style: `--shop:${color}` },
    h("div", { class: "window-bar", "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("span", {}, slug)),
    h("header", {}, h("h2", {}, name), h("p", { "aria-hidden": "true" }, ["Productos", "Envíos", "Contacto"].map((word) => h("span", {}, word)))),
    h("div", { class: "chat", id: chat_id(slug) }, !web && h("p", { class: "empty" }, "This shop has no web chat.")),
    h("footer", {}, "Also listens on", webhook_addresses(shop, location.href).map(({ name: channel, url }) =>
      h("button", { type: "button", class: "quiet", title: `Copy ${url}`, onclick: () => copy(channel, url) }, channel))));
}

const hint = (what, then, onclick) => h("button", { type: "button", onclick }, h("b", {}, what), h("small", {}, then));

async function copy(channel, url) {
  const copied = await navigator.clipboard?.writeText(url).then(() => true, () => false);
  toast(copied ? `${channel} webhook address copied.` : `${channel} webhook: ${url}`);
}
