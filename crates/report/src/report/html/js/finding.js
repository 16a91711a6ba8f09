// A finding with all that was weighed.
const findingBody = (finding, key) => {
  const waived = finding.waived_until && element("p", { class: finding.waived ? "waiver" : "waiver over" }, finding.waived ? "Waived until " : "Was waived until ", foreign(finding.waived_until), ": ", foreign(finding.waiver_reason ?? ""));
  const part = (name, ...children) => [element("dt", {}, name), element("dd", {}, ...children)];
  return element(
    "dl",
    { class: "finding-body" },
    waived && part("Waiver", waived),
    part("What to do", element("p", { class: "text" }, foreign(finding.remediation))),
    part("Cause", element("p", { class: "text" }, foreign(finding.cause))),
    part("Evidence", lines(pretty(finding.evidence), "Evidence")),
    finding.changed_policy && part("A policy with the change, to look at before it is used", key.policy ? changedPolicy(key.policy, finding.changed_policy) : lines(pretty(finding.changed_policy), "The changed policy")),
    part("Known as", "finding ", code(finding.finding_id), ", rule ", code(finding.rule)),
  );
};

const findingTitle = (finding) => [severityChip(finding.severity), " ", finding.waived ? [chip("waived", "waived"), " "] : [], foreign(finding.title), " ", element("span", { class: "small" }, finding.confidence)];

// The finding of a row of the table of findings. Rows of one key that share an id differ in their cause.
const findingOfRow = async (row, table) => {
  const arn = table.at(row, "key_arn");
  await allKeys();
  const page = await keyPage(keysByArn.get(arn));
  const [id, title] = [table.at(row, "finding_id"), table.at(row, "title")];
  const finding = page.findings.find((candidate) => candidate.finding_id === id && candidate.title === title) ?? page.findings.find((candidate) => candidate.finding_id === id);
  return { finding, key: page.key };
};

const findingDetails = async (row, table) => {
  const { finding, key } = await findingOfRow(row, table);
  const arn = table.at(row, "key_arn");
  if (!finding) return nothing("This key has more findings than are kept in this file with their evidence: ask the table findings for this one.");
  return element("div", {}, findingBody(finding, key), element("p", {}, keyLink(arn, "All that is known of this key")));
};
