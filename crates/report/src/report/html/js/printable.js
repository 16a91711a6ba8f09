// Everything for paper: the summary, what is not known, and the findings that fit the address, each with its evidence.
const MOST_PRINTED = 2000;
const AT_ONCE = 50;

const showPrintable = async (place, route) => {
  const table = await tableOfKeys("findings");
  if (!route.parameters.has("sort")) route.parameters.set("sort", "severity");
  const rows = fittingRows(table, LISTS.findings.columns, route.parameters);
  const status = element("p", { role: "status", class: "count" }, "Preparing…");
  const print = element("button", { type: "button", class: "screen-only", disabled: true, click: () => window.print() }, "Print");
  const said = [...route.parameters].filter(([name]) => name !== "sort").map(([name, value]) => `${name}: ${inLine(value)}`);
  const kept = document.getElementById("summary").cloneNode(true);
  kept.removeAttribute("id");
  kept.removeAttribute("hidden");
  kept.removeAttribute("aria-labelledby");
  for (const named of kept.querySelectorAll("[id]")) named.removeAttribute("id");
  const heading = kept.querySelector("h1");
  heading.replaceWith(element("h2", {}, heading.textContent));
  const list = element("div", { class: "printed" });
  place.append(status, print, kept, element("h2", { class: "new-page" }, said.length ? `Findings (${said.join("; ")})` : "Findings"), list);
  const shown = rows.slice(0, MOST_PRINTED);
  for (let first = 0; first < shown.length; first += AT_ONCE) {
    const batch = await Promise.all(shown.slice(first, first + AT_ONCE).map(async (row) => [row, await findingOfRow(row, table)]));
    if (!place.isConnected) return;
    list.append(...batch.map(([row, { finding, key }]) => printedFinding(row, table, finding, key)));
  }
  if (rows.length > shown.length) list.append(element("p", { class: "notice" }, `${number(rows.length - shown.length)} more findings are not printed: narrow them by severity, rule or account first.`));
  status.textContent = rows.length > shown.length ? `${counted(shown.length, "finding")} of ${number(rows.length)}` : counted(rows.length, "finding");
  print.disabled = false;
};

const printedFinding = (row, table, finding, key) => {
  const [account, region] = [table.at(row, "account_id"), table.at(row, "region")];
  return element(
    "article",
    { class: "printed-finding" },
    element("h3", {}, finding ? findingTitle(finding) : foreign(table.at(row, "title"))),
    element("p", {}, "Key ", keyLink(table.at(row, "key_arn"), table.at(row, "key_name")), `, account ${account}, ${region}. `, code(table.at(row, "key_arn"))),
    finding ? findingBody(finding, key) : nothing("Its evidence is not kept in this file: ask the table findings."),
  );
};
