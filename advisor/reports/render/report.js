(() => {
  "use strict";
  const root = document.documentElement;
  const sheet = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const token = /^@([a-z]+)(?:\/([0-9.]+))?$/;

  const colour = (text, palette) => {
    const found = token.exec(text);
    if (!found) return text;
    const hex = palette[found[1]];
    if (found[2] === undefined) return hex;
    const part = (at) => parseInt(hex.slice(at, at + 2), 16);
    return `rgba(${part(1)},${part(3)},${part(5)},${found[2]})`;
  };
  const resolve = (value, palette, key = "") => {
    if (Array.isArray(value)) return value.map((part) => resolve(part, palette, key));
    if (value !== null && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, resolve(part, palette, name)]));
    return typeof value === "string" && (key.endsWith("color") || key.endsWith("colorscale"))
      ? colour(value, palette) : value;
  };

  const theme = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const draw = (name, width) => {
    for (const [id, figure] of Object.entries(sheet.figures)) {
      const place = document.getElementById(id);
      const layout = resolve(figure.layout, sheet.palettes[name]);
      // On a phone the long values at the ends of bars would run into the names; the table has them.
      if (layout.annotations && !width && place.clientWidth < 520)
        layout.annotations = layout.annotations.filter((note) => note.name !== "end" || note.text.length < 8);
      if (width) { layout.width = width; layout.autosize = false; } else { layout.autosize = true; }
      Plotly.react(place, resolve(figure.data, sheet.palettes[name]), layout,
        { responsive: !width, displayModeBar: false, showTips: false });
    }
  };

  const button = document.querySelector("button.theme");
  const name = () => { button.textContent = theme() === "dark" ? "Light" : "Dark"; };
  button.addEventListener("click", () => { root.dataset.theme = theme() === "dark" ? "light" : "dark"; name(); draw(theme()); });
  dark.addEventListener("change", () => { name(); draw(theme()); });

  let open = [];
  window.addEventListener("beforeprint", () => {
    open = [...document.querySelectorAll("details.printed:not([open])")];
    open.forEach((part) => { part.open = true; });
    root.dataset.kept = root.dataset.theme || "";
    root.dataset.theme = "light";
    draw("light", 680);
  });
  window.addEventListener("afterprint", () => {
    open.forEach((part) => { part.open = false; });
    if (root.dataset.kept) root.dataset.theme = root.dataset.kept; else delete root.dataset.theme;
    draw(theme());
  });

  name();
  draw(theme());
})();
