// A table of many rows: search, filters, sorting and pages, all of which stand in the address.
const PAGE_SIZES = [50, 200];
const ANY = "*";
const NONE = "-";
const MOST_OPTIONS = 1000;

// The rows that fit the address, in its order.
const fittingRows = (table, columns, parameters) => {
  const tests = [];
  for (const column of columns.filter(({ filter }) => filter)) {
    const wanted = parameters.get(column.name);
    if (wanted === null || wanted === "") continue;
    tests.push(testOf(table.columns.get(column.name), wanted));
  }
  const words = (parameters.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const searched = columns.filter(({ search }) => search).map(({ name }) => table.columns.get(name)).filter((column) => column instanceof TextColumn);
  for (const word of words) {
    const hits = searched.map((column) => [column.codes, column.texts.map((text) => text.toLowerCase().includes(word))]);
    tests.push((row) => hits.some(([codes, hit]) => codes[row] >= 0 && hit[codes[row]]));
  }
  const rows = [];
  for (let row = 0; row < table.rows; row += 1) {
    if (tests.every((test) => test(row))) rows.push(row);
  }
  return sorted(table, columns, rows, parameters.get("sort"));
};

const testOf = (column, wanted) => {
  const choices = wanted.split(",");
  if (column instanceof ValueColumn) {
    return (row) => {
      const value = column.values[row];
      return value === null ? choices.includes(NONE) : choices.includes(ANY) || choices.includes(String(value));
    };
  }
  const hit = column.texts.map((text) => choices.includes(ANY) || choices.includes(text) || wanted === text);
  const none = choices.includes(NONE);
  return (row) => (column.codes[row] < 0 ? none : hit[column.codes[row]]);
};

const sorted = (table, columns, rows, wanted) => {
  const name = wanted?.replace(/^-/, "");
  const column = columns.find((candidate) => candidate.name === name);
  if (!column) return rows;
  const values = table.columns.get(name);
  const sign = wanted.startsWith("-") ? -1 : 1;
  const ranks = values instanceof TextColumn ? values.ranks(column.order) : null;
  const rank = ranks ? (row) => (values.codes[row] < 0 ? null : ranks[values.codes[row]]) : (row) => values.values[row];
  // What is not known comes last, whichever way is sorted; rows that are alike keep their order.
  return rows.sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    if (x === null || y === null) return x === y ? a - b : x === null ? 1 : -1;
    return x === y ? a - b : sign * (x < y ? -1 : 1);
  });
};

// The values among which a filter chooses, each with how many rows have it.
const choicesOf = (table, column) => {
  const values = table.columns.get(column.name);
  const counts = new Map();
  for (let row = 0; row < table.rows; row += 1) {
    const value = values.at(row);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const none = counts.get(null) ?? 0;
  counts.delete(null);
  const collator = new Intl.Collator("en", { numeric: true });
  const place = (value) => (column.order?.includes(value) ? column.order.indexOf(value) : (column.order?.length ?? 0));
  const named = [...counts].sort(([a], [b]) => place(a) - place(b) || collator.compare(String(a), String(b)));
  return { named, none };
};

const filterControl = (table, column, id, chosen) => {
  const { named, none } = choicesOf(table, column);
  const option = (value, text) => element("option", { value, selected: value === chosen }, text);
  const options = [option("", "all")];
  if (column.filter === "presence") {
    const some = named.reduce((sum, [, count]) => sum + count, 0);
    options.push(option(ANY, `${column.some} (${number(some)})`), option(NONE, `${column.none} (${number(none)})`));
  } else {
    const says = (value) => column.says?.(value) ?? inLine(String(value));
    options.push(...named.slice(0, MOST_OPTIONS).map(([value, count]) => option(String(value), `${says(value)} (${number(count)})`)));
    if (none > 0) options.push(option(NONE, `${column.none ?? NOT_KNOWN} (${number(none)})`));
  }
  // What the address asks for is shown, also where no row has it, or it names several.
  if (chosen && !options.some((made) => made.value === chosen)) options.push(option(chosen, inLine(chosen)));
  return element("div", { class: "control" }, element("label", { for: id }, column.label), element("select", { id, name: column.name }, options));
};

// Shows a table in `place`. `list` says which columns it has, and what a row's details are.
const showTable = (place, list, table, route) => {
  const { noun } = list;
  const named = (rows) => (rows === 1 || !list.nouns ? counted(rows, noun) : `${number(rows)} ${list.nouns}`);
  const columns = list.columns.filter(({ hidden }) => !hidden);
  const { parameters } = route;
  if (!parameters.has("sort") && list.sort) parameters.set("sort", list.sort);
  const status = element("p", { role: "status", class: "count" });
  const body = element("tbody");
  const pager = element("nav", { class: "pager", "aria-label": `Pages of ${list.nouns ?? `${noun}s`}` });
  const heads = columns.map((column) => {
    const button = element("button", { type: "button", class: "sort", click: () => change((p) => p.set("sort", p.get("sort") === column.name ? `-${column.name}` : column.name)) }, column.label);
    return element("th", { scope: "col", class: column.kind ?? null }, button);
  });
  const expanding = list.details ? [element("th", { scope: "col" }, element("span", { class: "unseen" }, "Details"))] : [];
  const search = element("input", { type: "search", id: "q", name: "q", autocomplete: "off", spellcheck: "false", value: parameters.get("q") });
  const controls = element("form", { class: "controls", role: "search", "aria-label": `Filter ${list.nouns ?? `${noun}s`}` });
  const filters = columns.filter(({ filter }) => filter).map((column) => filterControl(table, column, `filter-${column.name}`, parameters.get(column.name)));
  const clear = element("button", { type: "button", click: () => clearAll() }, "Clear filters");
  controls.append(element("div", { class: "control wide" }, element("label", { for: "q" }, list.searchLabel ?? "Search"), search), ...filters, element("div", { class: "control" }, clear));

  let pending = 0;
  const change = (set) => {
    set(parameters);
    parameters.delete("page");
    update();
  };
  const read = () => {
    const before = parameters.toString();
    for (const control of controls.elements) {
      if (!control.name) continue;
      if (control.value) parameters.set(control.name, control.value);
      else parameters.delete(control.name);
    }
    // Leaving the search with what it was is no change: rows made anew would take away the button that is just being pressed.
    if (parameters.toString() !== before) change(() => {});
  };
  const clearAll = () => {
    for (const control of controls.elements) if (control.name) control.value = "";
    read();
    search.focus();
  };
  controls.addEventListener("submit", (event) => {
    event.preventDefault();
    read();
  });
  controls.addEventListener("change", read);
  // While somebody types, once the typing pauses: each look goes through all rows.
  search.addEventListener("input", () => {
    clearTimeout(pending);
    pending = setTimeout(read, 150);
  });

  const update = () => {
    clearTimeout(pending);
    history.replaceState(null, "", hashOf(route.path, parameters));
    const rows = fittingRows(table, list.columns, parameters);
    const size = PAGE_SIZES.includes(Number(parameters.get("size"))) ? Number(parameters.get("size")) : PAGE_SIZES[0];
    const pages = Math.max(1, Math.ceil(rows.length / size));
    const page = Math.min(pages, Math.max(1, Number.parseInt(parameters.get("page") ?? "1", 10) || 1));
    status.textContent = rows.length === table.rows ? named(table.rows) : `${number(rows.length)} of ${named(table.rows)}`;
    const shown = rows.slice((page - 1) * size, page * size);
    body.replaceChildren(...(shown.length ? shown.flatMap((row) => rowOf(row)) : [element("tr", {}, element("td", { colspan: columns.length + expanding.length, class: "nothing" }, `No ${noun} fits.`))]));
    heads.forEach((head, at) => {
      const sort = parameters.get("sort");
      const direction = sort === columns[at].name ? "ascending" : sort === `-${columns[at].name}` ? "descending" : null;
      if (direction) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    });
    showPager(page, pages, size, rows.length);
    list.updated?.(parameters);
  };

  const rowOf = (row) => {
    const cells = columns.map((column) => {
      const value = table.at(row, column.name);
      const shown = column.cell ? column.cell(value, row, table) : value === null ? absent(column) : plainCell(value, column);
      return element("td", { class: column.kind ?? null }, shown);
    });
    if (!list.details) return [element("tr", {}, cells)];
    const panel = element("tr", { class: "details", hidden: true }, element("td", { colspan: columns.length + 1 }));
    const button = element("button", { type: "button", class: "expand", "aria-expanded": "false", "aria-label": `Details: ${inLine(list.nameOf(row, table))}` }, "+");
    button.addEventListener("click", async () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(open));
      button.textContent = open ? "−" : "+";
      panel.hidden = !open;
      if (open && !panel.firstChild.hasChildNodes()) panel.firstChild.append(await list.details(row, table).catch(failed));
    });
    return [element("tr", {}, element("td", { class: "expander" }, button), cells), panel];
  };

  const showPager = (page, pages, size, count) => {
    const focused = pager.contains(document.activeElement) ? document.activeElement.dataset.does : null;
    const go = (to) => () => {
      parameters.set("page", String(to));
      update();
    };
    const button = (text, does, to, off) => element("button", { type: "button", "data-does": does, "aria-disabled": off ? "true" : null, click: off ? () => {} : go(to) }, text);
    const sizes = element("select", { id: "size", "data-does": "size" }, PAGE_SIZES.map((of) => element("option", { value: of, selected: of === size }, String(of))));
    sizes.addEventListener("change", () => {
      parameters.set("size", sizes.value);
      parameters.delete("page");
      update();
    });
    pager.replaceChildren(
      button("First", "first", 1, page === 1),
      button("Previous", "previous", page - 1, page === 1),
      element("span", {}, count === 0 ? "no rows" : `rows ${number((page - 1) * size + 1)} to ${number(Math.min(count, page * size))} of ${number(count)}`),
      button("Next", "next", page + 1, page === pages),
      button("Last", "last", pages, page === pages),
      element("label", { for: "size" }, "rows on a page"),
      sizes,
    );
    if (focused) pager.querySelector(`[data-does="${focused}"]`)?.focus();
  };

  place.append(
    controls,
    status,
    scrolling(list.title, element("table", { class: "many" }, element("caption", { class: "unseen" }, list.title), element("thead", {}, element("tr", {}, expanding, heads)), body)),
    pager,
  );
  update();
};

// Where there is nothing, that is said; where it is not known, that.
const absent = ({ none }) => (none === NOT_KNOWN ? unknown() : element("span", { class: "nothing" }, none ?? "—"));

const plainCell = (value, column) => {
  if (typeof value === "number") return column.money ? dollars(value) : number(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (column.kind === "date") return element("time", { datetime: value }, day(value));
  return column.says ? column.says(value) : foreign(value);
};
