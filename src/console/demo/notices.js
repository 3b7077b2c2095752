// What the page has to say about itself, laid over it so that nothing moves.

const TOAST_MS = 5_000;
let timer;

/** Stays until called with null. */
export function banner(text) {
  const element = document.getElementById("banner");
  element.hidden = !text;
  element.textContent = text ?? "";
}

export function toast(text) {
  const element = document.getElementById("toast");
  element.textContent = text;
  element.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => { element.hidden = true; }, TOAST_MS);
}
