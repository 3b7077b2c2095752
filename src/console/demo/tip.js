// One tooltip for everything that carries data-tip ("title\nline\nline"): on hover, focus and tap.

import { h } from "/widget/dom.js";

const tip = document.getElementById("tip");
const GAP_PX = 8;

function show(target) {
  const [title, ...lines] = target.dataset.tip.split("\n");
  tip.replaceChildren(h("b", {}, title), ...lines.map((line) => h("p", {}, line)));
  tip.showPopover();
  const at = target.getBoundingClientRect();
  const own = tip.getBoundingClientRect();
  const below = at.bottom + GAP_PX + own.height < innerHeight;
  tip.style.top = `${below ? at.bottom + GAP_PX : at.top - GAP_PX - own.height}px`;
  tip.style.left = `${Math.max(GAP_PX, Math.min(at.left + at.width / 2 - own.width / 2, innerWidth - own.width - GAP_PX))}px`;
}

const hide = () => tip.matches(":popover-open") && tip.hidePopover();

for (const event of ["pointerover", "focusin", "click"])
  document.addEventListener(event, ({ target }) => {
    const owner = target.closest?.("[data-tip]");
    if (owner) show(owner);
    else if (event !== "focusin") hide();
  });
for (const event of ["focusout", "scroll"]) document.addEventListener(event, hide, true);
document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
