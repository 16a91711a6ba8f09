// Which section is shown, and in which colours.
const summarySection = document.getElementById("summary");
const view = document.getElementById("view");
const main = document.getElementById("main");
const navigation = document.getElementById("sections");
const summaryTitle = document.title;
const TITLES = { key: "Key", print: "Findings for printing" };

const wait = () => element("p", { role: "status", class: "count" }, "Reading…");

const failed = (error) => {
  const why = typeof DecompressionStream === "undefined" ? "This browser is too old to read the tables in this file." : `This section cannot be shown: ${error.message}`;
  return element("p", { class: "notice", role: "alert" }, why);
};

// Counts the sections that were asked for: one that comes late must not take the place of the next.
let turn = 0;

const show = async (moveFocus) => {
  const mine = (turn += 1);
  const { hash } = location;
  const route = routeOf(hash);
  const [name, ...rest] = route.path.split("/");
  for (const link of navigation.querySelectorAll("a")) {
    const current = routeOf(link.getAttribute("href")).path === name;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const isSummary = !(name in LISTS) && name !== "key" && name !== "print";
  summarySection.hidden = !isSummary;
  view.hidden = isSummary;
  if (isSummary) {
    view.replaceChildren();
    document.title = summaryTitle;
    if (moveFocus) document.getElementById("summary-title").focus();
    done(mine, hash);
    return;
  }
  main.setAttribute("aria-busy", "true");
  const place = element("div");
  const heading = element("h1", { tabindex: "-1" }, LISTS[name]?.title ?? TITLES[name]);
  const waiting = wait();
  view.replaceChildren(heading, waiting, place);
  if (moveFocus) {
    window.scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  }
  try {
    if (name === "key") await showKey(place, decoded(rest.join("/")), heading);
    else if (name === "print") await showPrintable(place, route);
    else await showList(place, name, route);
  } catch (error) {
    place.replaceChildren(failed(error));
  }
  if (mine === turn) {
    waiting.remove();
    document.title = `${heading.textContent} – ${summaryTitle}`;
  }
  done(mine, hash);
};

// Says what is shown now, to those who wait for it.
const done = (mine, hash) => {
  if (mine !== turn) return;
  main.removeAttribute("aria-busy");
  main.dataset.shown = hash;
};

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

// The browser may keep no settings for a file; then the choice lasts as long as the page.
const remembered = (write) => {
  try {
    if (write === undefined) return localStorage.getItem("kms-insights-theme") ?? "";
    localStorage.setItem("kms-insights-theme", write);
  } catch {
    return "";
  }
  return write;
};

const theme = document.getElementById("theme");
const setTheme = (name) => {
  if (name === "light" || name === "dark") document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
};
theme.value = ["light", "dark"].includes(remembered()) ? remembered() : "";
setTheme(theme.value);
theme.addEventListener("change", () => {
  setTheme(theme.value);
  remembered(theme.value);
});
theme.parentElement.hidden = false;
navigation.hidden = false;

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", () => show(true));
show(false);
