// The stages as one line: what each is for, how many records each settled while the page watched, a beat for each.

import { h } from "/widget/dom.js";
import { stages } from "./stages.js";

const parts = new Map();

export function show_pipeline() {
  document.getElementById("pipeline").replaceChildren(...stages.map(({ name, takes, says }) => {
    const count = h("span", { class: "count" }, "0");
    const tip = [name, says, `takes from ${takes}`].join("\n");
    const button = h("button", { type: "button", "data-testid": `pipeline-${name}`, "data-tip": tip }, h("b", {}, name), count);
    parts.set(name, { button, count, settled: 0 });
    return button;
  }));
}

/** Counts an event; `live` ones are seen to pass. */
export function beat({ stage, outcome }, live) {
  const part = parts.get(stage);
  if (!part) return;
  part.count.textContent = (++part.settled).toLocaleString("en");
  if (!live) return;
  part.button.dataset.beat = outcome;
  clearTimeout(part.timer);
  part.timer = setTimeout(() => delete part.button.dataset.beat, 450);
}
