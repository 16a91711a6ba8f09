// The sections that are tables.
const accountColumns = [
  { name: "account_id", label: "Account", kind: "account", filter: "choice", search: true, cell: (value, row, table) => [foreign(value), ...accountName(table.at(row, "account_name"))] },
  { name: "region", label: "Region", kind: "place", filter: "choice", search: true },
];
const accountName = (name) => (name === null ? [] : [element("br"), foreign(name, { class: "small" })]);
// Searched, and not shown in a column of their own.
const searched = (...names) => names.map((name) => ({ name, search: true, hidden: true }));
const keyColumn = { name: "key_name", label: "Key", kind: "key", search: true, cell: (value, row, table) => keyLink(table.at(row, "key_arn"), value) };
const severityColumn = (name, label) => ({ name, label, filter: "choice", order: SEVERITIES, none: "none", cell: (value) => (value === null ? "none" : severityChip(value)) });
const yesNo = (name, label) => ({ name, label, filter: "choice", order: ["yes", "unknown", "no"], says: (value) => (value === "unknown" ? NOT_KNOWN : value), cell: (value) => (value === "unknown" ? unknown() : value === "yes" ? chip("yes", "medium") : "no") });
const money = (name, label) => ({ name, label, kind: "number", money: true, none: NOT_KNOWN });
const moment = (name, label, none = "—") => ({ name, label, kind: "date", none });
const count = (name, label, none = NOT_KNOWN) => ({ name, label, kind: "number", none });
const choice = (name, label, more = {}) => ({ name, label, filter: "choice", ...more });

const LISTS = {
  findings: {
    title: "Findings",
    noun: "finding",
    part: "findings",
    sort: "severity",
    intro: "Each with its evidence, the statement as written, and what to do. Severity says how bad it is if it is so; confidence how sure it is.",
    columns: [
      severityColumn("severity", "Severity"),
      choice("confidence", "Confidence", { order: CONFIDENCES }),
      choice("rule", "Rule", { search: true }),
      { name: "title", label: "Finding", search: true, kind: "text" },
      keyColumn,
      ...accountColumns,
      ...searched("key_arn", "account_name", "finding_id"),
      { name: "waived", label: "Waived", filter: "choice", says: (value) => (value ? "waived" : "open"), cell: (value, row, table) => (value ? [chip("waived", "waived"), " until ", foreign(table.at(row, "waived_until"))] : "") },
    ],
    nameOf: (row, table) => `${table.at(row, "title")}, ${table.at(row, "key_name")}`,
    details: findingDetails,
    printable: true,
  },
  access: {
    title: "Who comes in from outside the account",
    noun: "way in",
    nouns: "ways in",
    part: "external_access",
    sort: "trust",
    intro: "One row for each way in by a key policy or a grant, after every Deny and condition. A key of which something could not be read has a row that says so. What IAM policies of those accounts allow is not read.",
    columns: [
      ...searched("key_arn", "account_name"),
      { name: "trust", label: "They are", filter: "choice", order: ["public", "outside", "unknown", "trusted", "organization", "aws_service"], says: (value) => TRUST[value] ?? value, cell: trustCell },
      { name: "principal", label: "Who", search: true, kind: "text", none: NOT_KNOWN },
      { name: "principal_account", label: "Of account", filter: "choice", search: true, none: "several or none", cell: (value, row, table) => (value === null ? "—" : [foreign(value), ...accountName(table.at(row, "principal_account_name"))]) },
      { name: "capabilities", label: "Can", kind: "wide", search: true, none: NOT_KNOWN },
      keyColumn,
      ...accountColumns,
      choice("way_in", "By", { kind: "wide", says: (value) => (value === "unknown" ? NOT_KNOWN : value), cell: (value, row, table) => [value === "unknown" ? unknown("not read") : value, element("br"), foreign(table.at(row, "source") ?? "", { class: "small" })] }),
      { name: "condition", label: "If", search: true, kind: "text", cell: (value, row, table) => (value !== null ? foreign(value) : table.at(row, "way_in") === "unknown" ? unknown() : "nothing more") },
      choice("certainty", "Certain", { kind: "wide", cell: (value, row, table) => (value === "certain" ? "certain" : [unknown(), element("br"), foreign(table.at(row, "reason") ?? "", { class: "small" })]) }),
    ],
  },
  keys: {
    title: "Keys",
    noun: "key",
    part: "key_overview",
    sort: "worst_severity",
    intro: "Every key of every account that could be read. What could not be read of a key is named in its row.",
    columns: [
      keyColumn,
      ...accountColumns,
      severityColumn("worst_severity", "Worst finding"),
      count("findings", "Findings"),
      yesNo("public", "Open to everyone"),
      yesNo("outside_organization", "Open outside organization"),
      yesNo("outside_account", "Open outside account"),
      choice("usage_verdict", "Use", { says: (value) => (value === "unknown" ? NOT_KNOWN : value.replace("_", " ")), cell: (value) => (value === "unknown" || value === null ? unknown() : value.replace("_", " ")) }),
      moment("last_used_at", "Last known use"),
      choice("state", "State", { none: NOT_KNOWN }),
      choice("manager", "Manager", { none: NOT_KNOWN }),
      choice("rotation_enabled", "Rotation", { none: "none or not known", says: (value) => (value ? "on" : "off"), cell: (value) => (value === null ? "—" : value ? "on" : "off") }),
      { ...money("monthly_cost_usd", "A month"), filter: "presence", some: "known", none: NOT_KNOWN },
      { name: "facts_lacking", label: "Not read", kind: "wide", search: true, filter: "presence", some: "something lacks", none: "nothing lacks", cell: (value) => (value === null ? "" : unknown(inLine(value))) },
      { name: "description", label: "Description", search: true, kind: "text", cell: (value) => (value === null ? unknown() : foreign(shortened(value))) },
      { name: "aliases", label: "All aliases", search: true, kind: "text", none: "—", cell: (value) => (value === null ? "—" : foreign(shortened(value))) },
      count("grant_count", "Grants"),
      choice("spec", "Spec", { none: NOT_KNOWN }),
      moment("created_at", "Created", NOT_KNOWN),
      ...searched("key_arn", "account_name"),
    ],
  },
  costs: {
    title: "What would go from the bill",
    noun: "row",
    part: "monthly_savings",
    sort: "certainty",
    intro: "Customer managed keys that look unneeded, by account and reason; each key counts once. Recorded means that the records prove it, for a multi-Region key in all its Regions. Keys whose price is not known are counted apart.",
    before: (place) => place.append(element("p", {}, element("a", { href: "#/unused" }, "Keys without recorded use"), ", ", element("a", { href: "#/stale" }, "keys not used for 90 days"), ", ", element("a", { href: "#/rotation" }, "keys not rotated each year"))),
    columns: [
      choice("certainty", "Certainty", { order: ["recorded", "unknown"], says: (value) => (value === "recorded" ? value : "not proved"), cell: (value) => (value === "recorded" ? value : unknown("not proved")) }),
      choice("reason", "Reason", { kind: "text" }),
      accountColumns[0],
      count("keys", "Keys"),
      money("monthly_cost_usd", "A month"),
      money("yearly_cost_usd", "A year"),
      count("keys_without_price", "Keys without a price"),
      ...searched("account_name"),
    ],
    plain: true,
  },
  unused: {
    title: "Keys without recorded use",
    noun: "key",
    part: "unused_keys",
    sort: "verdict",
    intro: "Customer managed keys of which no use is recorded. Never used is said only where the records cover the key's whole life; all else is not known.",
    columns: [
      ...searched("key_arn", "account_name"),
      choice("verdict", "Use", { order: ["never_used", "unknown"], says: (value) => (value === "unknown" ? NOT_KNOWN : "never used"), cell: (value) => (value === "unknown" ? unknown() : "never used") }),
      keyColumn,
      ...accountColumns,
      { name: "reason", label: "Why it is said", search: true, kind: "text" },
      moment("unused_since", "Unused since", NOT_KNOWN),
      moment("set_last_used_at", "Used in another Region"),
      choice("state", "State", { none: NOT_KNOWN }),
      moment("created_at", "Created", NOT_KNOWN),
      count("grant_count", "Grants"),
      money("monthly_cost_usd", "A month"),
    ],
  },
  stale: {
    title: "Keys not used for 90 days",
    noun: "key",
    part: "stale_keys_90d",
    sort: "last_used_at",
    intro: "Customer managed keys that were used once, and are known not to have been used in the 90 days before the snapshot. A key of which nobody can tell is not listed, however old its last known use.",
    columns: [
      ...searched("key_arn", "account_name"),
      keyColumn,
      ...accountColumns,
      moment("last_used_at", "Last used"),
      count("days_since_last_use", "Days since"),
      choice("last_used_operation", "By"),
      choice("evidence", "Says who"),
      moment("unused_since", "Unused since", NOT_KNOWN),
      moment("set_last_used_at", "Used in another Region"),
      choice("state", "State", { none: NOT_KNOWN }),
      money("monthly_cost_usd", "A month"),
    ],
  },
  deletion: {
    title: "Keys about to be deleted",
    noun: "key",
    part: "pending_deletion",
    sort: "deletion_date",
    intro: "What was encrypted under a key that is deleted can never be read again. Keys whose state could not be read are listed, too.",
    columns: [
      ...searched("key_arn", "account_name"),
      choice("state", "State", { says: (value) => (value === "unknown" ? NOT_KNOWN : value), cell: (value) => (value === "unknown" ? unknown() : foreign(value)) }),
      keyColumn,
      ...accountColumns,
      moment("deletion_date", "Deleted on", NOT_KNOWN),
      count("days_left", "Days left"),
      choice("usage_verdict", "Use", { says: (value) => (value === "unknown" ? NOT_KNOWN : value.replace("_", " ")), cell: (value) => (value === "unknown" ? unknown() : value.replace("_", " ")) }),
      moment("last_used_at", "Last known use"),
      moment("unused_since", "Unused since", NOT_KNOWN),
      count("grant_count", "Grants"),
    ],
  },
  rotation: {
    title: "Keys not rotated each year",
    noun: "key",
    part: "rotation_gaps",
    sort: "gap",
    intro: "Customer managed keys with key material that KMS could rotate, and that is not rotated at least once a year, or of which that is not known.",
    columns: [
      ...searched("key_arn", "account_name"),
      choice("gap", "Gap", { cell: (value) => (value.startsWith("unknown") ? unknown(value) : value) }),
      keyColumn,
      ...accountColumns,
      count("age_days", "Age in days"),
      choice("origin", "Key material", { none: NOT_KNOWN }),
      count("rotation_period_days", "Period in days", "—"),
      moment("last_rotated_at", "Last rotated"),
      choice("state", "State", { none: NOT_KNOWN }),
    ],
  },
  changes: {
    title: "Changes since the previous run",
    noun: "change",
    part: "changes_since_previous",
    intro: "Not read and first read mean that one of the two runs could not look, or was not to: whether anything changed is not known.",
    columns: [
      ...searched("key_arn", "account_name"),
      choice("subject", "What", { says: (value) => value.replaceAll("_", " ") }),
      choice("change", "Change", { says: (value) => value.replaceAll("_", " "), cell: (value) => (value.endsWith("_read") ? unknown(value.replace("_", " ")) : value) }),
      keyColumn,
      ...accountColumns,
      choice("rule", "Rule", { none: "no finding", cell: (value) => value ?? "" }),
      { name: "value_before", label: "Before", search: true, kind: "text", cell: changeCell },
      { name: "value_now", label: "Now", search: true, kind: "text", cell: changeCell },
    ],
    details: async (row, table) => {
      const { subject, value_before, value_now } = table.row(row);
      if (subject === "policy") return changedPolicy(value_before ?? "", value_now ?? "");
      return facts([["Before", value_before === null ? "—" : foreign(value_before)], ["Now", value_now === null ? "—" : foreign(value_now)]]);
    },
    nameOf: (row, table) => `${table.at(row, "subject")} ${table.at(row, "change")}, ${table.at(row, "key_name")}`,
  },
  accounts: {
    title: "Accounts",
    noun: "account",
    part: "accounts",
    sort: "outcome",
    intro: "Every account that the run was to read, also where nothing could be read.",
    columns: [
      { name: "account_id", label: "Account", search: true, cell: (value) => element("a", { href: hashOf("keys", new URLSearchParams({ account_id: value })) }, foreign(value)) },
      { name: "name", label: "Name", search: true, none: NOT_KNOWN },
      { name: "ou_path", label: "Organizational unit", filter: "choice", search: true, none: NOT_KNOWN },
      choice("state", "State", { none: NOT_KNOWN }),
      choice("outcome", "Read", { order: ["failed", "partial", "skipped", "complete"], cell: (value) => (value === "complete" ? "whole" : unknown({ failed: "not at all", partial: "in part", skipped: "left out" }[value] ?? value)), says: (value) => ({ complete: "whole", failed: "not at all", partial: "in part", skipped: "left out" })[value] ?? value }),
      { name: "reason", label: "Why not whole", search: true, kind: "text", none: "" },
      count("keys", "Keys"),
      count("keys_incomplete", "Keys lacking facts"),
    ],
    plain: true,
  },
  unknown: {
    title: "What is not known",
    noun: "gap",
    part: "coverage_gaps",
    sort: "fact",
    intro: "One row for each account, Region, fact and cause, with what to do about it.",
    before: (place) => unknownsOfSummary(place),
    after: (place) => place.append(element("p", {}, element("a", { href: "#/trails" }, "Where trails record the use of keys, and where not"))),
    columns: [
      choice("fact", "What lacks", { search: true }),
      choice("code", "Why", { search: true }),
      { ...accountColumns[0], none: "the organization", cell: (value, row, table) => (value === null ? "the organization" : [foreign(value), ...accountName(table.at(row, "account_name"))]) },
      { ...accountColumns[1], none: "the account", cell: (value) => value ?? "the account" },
      { name: "operation", label: "Request", search: true, none: "" },
      count("keys_affected", "Keys"),
      { name: "next_step", label: "What to do", kind: "text", none: "" },
      { name: "example_message", label: "What was said, for one of them", kind: "text", search: true, none: "" },
    ],
    plain: true,
  },
  trails: {
    title: "Whether trails record the use of keys",
    noun: "Region of an account",
    nouns: "Regions of accounts",
    part: "trail_recording",
    sort: "records_kms_reads",
    intro: "Where no trail records the use of keys, that log files tell of no use means nothing.",
    columns: [
      choice("records_kms_reads", "Recorded", { order: ["no", "unknown", "yes"], says: (value) => (value === "unknown" ? NOT_KNOWN : value), cell: (value) => (value === "yes" ? "yes" : value === "no" ? chip("no", "medium") : unknown()) }),
      { name: "account_id", label: "Account", filter: "choice", search: true },
      { name: "region", label: "Region", filter: "choice", search: true },
      { name: "reason", label: "Why", search: true, kind: "text", none: "" },
      { name: "trail_arn", label: "Trail", search: true, kind: "text", none: "none" },
      moment("last_delivery_at", "Last delivery"),
    ],
    plain: true,
  },
};

function trustCell(value) {
  if (value === "unknown") return unknown();
  return chip(TRUST[value] ?? value, value === "public" ? "critical" : value === "outside" ? "high" : "plain");
}

// A cell is no place for a policy: the row's details have it whole.
const shortened = (text) => (text.length > 240 ? `${text.slice(0, 240)}…` : text);

function changeCell(value) {
  return value === null ? "—" : foreign(shortened(value));
}

// What the summary says is not known, again, above the rows.
function unknownsOfSummary(place) {
  const list = document.querySelector("#summary .not-known ul");
  if (list) place.append(list.cloneNode(true));
}

const showList = async (place, name, route) => {
  const list = LISTS[name];
  const table = list.plain ? await tableOf(list.part) : list.part === "key_overview" ? await allKeys() : await tableOfKeys(list.part);
  place.append(element("p", { class: "intro" }, list.intro));
  await list.before?.(place);
  let link = null;
  if (list.printable) {
    link = element("a", {}, "These findings for printing, with their evidence");
    place.append(element("p", {}, link));
  }
  showTable(place, { ...list, updated: (parameters) => link?.setAttribute("href", hashOf("print", withoutPlace(parameters))) }, table, route);
  list.after?.(place);
};

const withoutPlace = (parameters) => {
  const kept = new URLSearchParams(parameters);
  for (const name of ["page", "size"]) kept.delete(name);
  return kept;
};
