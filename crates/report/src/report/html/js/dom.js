// Elements are made of text and attributes, never of markup: no value can become any.
const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
};

// Text of others stands apart from its surroundings, so that its direction of writing stays its own.
const foreign = (text, attributes = {}) => element("bdi", attributes, inLine(text));
const code = (text) => element("code", {}, foreign(text));
const unknown = (text = NOT_KNOWN) => element("span", { class: "unknown" }, text);
const chip = (text, kind) => element("span", { class: `chip ${kind}` }, text);
const severityChip = (severity) => chip(severity, SEVERITIES.includes(severity) ? severity : "info");
const nothing = (text) => element("p", { class: "nothing" }, text);

// Text in lines, which scrolls by itself and can be reached by keyboard.
const lines = (text, label) => element("pre", { tabindex: "0", role: "group", "aria-label": label }, visible(text));

// A table that scrolls by itself where it is wider than the window.
const scrolling = (label, ...children) => element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, ...children);

// A table of few rows: heads, and for each row its cells.
const smallTable = (caption, heads, rows) =>
  scrolling(
    caption,
    element(
      "table",
      {},
      element("caption", { class: "unseen" }, caption),
      element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, rows.map((cells) => element("tr", {}, cells.map((cell) => element("td", {}, cell ?? unknown("—")))))),
    ),
  );

const facts = (pairs) =>
  element("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value ?? unknown()))));
