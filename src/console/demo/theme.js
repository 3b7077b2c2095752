// Light or dark: the visitor's system decides until the visitor does. Runs before the first paint.
{
  const root = document.documentElement;
  const chosen = () => { try { return localStorage.getItem("relevo:theme"); } catch { return null; } };
  const choose = (theme) => { try { localStorage.setItem("relevo:theme", theme); } catch { /* lasts as long as the page */ } };
  if (chosen()) root.dataset.theme = chosen();
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").onclick = () => {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      choose(root.dataset.theme);
    };
  });
}
