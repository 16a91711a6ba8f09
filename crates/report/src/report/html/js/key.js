// The page of one key.
const statusText = (status, text) => (status === "denied" || status === "failed" ? unknown(`${NOT_KNOWN}: ${status}`) : text);

const waysTable = (ways) =>
  smallTable(
    "Who can use this key",
    ["Who", "They are", "Can", "If", "By", "Certain"],
    ways.map((way) => [
      foreign(way.who),
      way.trust === "unknown" ? unknown() : (TRUST[way.trust] ?? way.trust),
      [way.capabilities, way.kind === "delegation" ? element("span", { class: "small" }, " where their account's IAM policies allow it") : way.kind === "intent" ? element("span", { class: "small" }, " as written; nobody can") : null],
      way.fence === null ? "nothing more" : [foreign(way.fence), way.on_behalf_of ? [" for ", foreign(way.on_behalf_of)] : []].flat(2),
      way.cause === "grant" ? ["grant ", code(`${(way.grant_id ?? "").slice(0, 12)}…`)] : `statement ${way.statement_index} of ${way.policy_name}`,
      way.certainty === "certain" ? "certain" : [unknown(), " ", foreign(way.reason ?? "", { class: "small" })],
    ]).map((cells) => cells.map((cell) => (Array.isArray(cell) ? element("span", {}, cell.filter((part) => part !== null)) : cell))),
  );

// What the page has of a part whose rows are more than it holds.
const cutNote = (page, part, noun) => {
  const count = page.whole[part];
  return count ? element("p", { class: "notice" }, `This file holds ${counted(page[part].length, noun)} of ${number(count)}; the table ${part === "ways" ? "key_access" : part === "uses" ? "key_usage_daily" : part} has all.`) : null;
};

const section = (title, ...children) => element("section", { class: "part" }, element("h2", {}, title), ...children);

const keyFacts = ({ key }) => {
  const at = (value) => (value === null ? null : element("time", { datetime: value }, minute(value)));
  const known = (value) => (value === null ? null : foreign(String(value)));
  const some = (name, value) => (value === null ? null : [name, value]);
  return facts([
    ["State", known(key.state)],
    ["Manager", known(key.manager)],
    ["Description", key.description === "" ? "none" : known(key.description)],
    ["Spec and usage", key.spec === null ? null : `${key.spec}, ${key.usage}`],
    ["Key material", known(key.origin)],
    ["Created", at(key.created_at)],
    some("Deleted on", at(key.deletion_date)),
    some("Key material expires", at(key.valid_to)),
    some("Multi-Region", known(key.multi_region_type)),
    some("Primary", key.multi_region_primary_arn === null ? null : keyLink(key.multi_region_primary_arn, key.multi_region_primary_arn)),
    some("Custom key store", known(key.custom_key_store_name ?? key.custom_key_store_id)),
    some("Key store's connection", known(key.custom_key_store_connection_state)),
    ["Aliases", statusText(key.aliases_status, key.aliases?.length ? foreign(key.aliases.join(", ")) : "none")],
    ["Rotation", key.rotation_status === "not_applicable" ? "KMS cannot rotate it" : statusText(key.rotation_status, key.rotation_enabled ? `automatic, every ${key.rotation_period_days ?? "?"} days` : "not automatic")],
    ["Rotations", statusText(key.rotations_status, key.rotations_status === "not_applicable" ? "none" : [number(key.rotation_count ?? 0), key.last_rotated_at ? `, the last on ${day(key.last_rotated_at)}` : ""].join(""))],
    ["Cost", key.monthly_cost_usd === null ? null : `${dollars(key.monthly_cost_usd)} a month, requests apart`],
    ["Open outside the account", key.outside_account === "unknown" ? null : key.outside_account],
    ["Open outside the organization", key.outside_organization === "unknown" ? null : key.outside_organization],
    ["Open to every AWS account", key.public === "unknown" ? null : key.public],
    ["Concerns", key.concern === null ? null : key.concern === "" ? "none" : key.concern.split(";").join("; ")],
    ["Read", at(key.observed_at)],
  ]);
};

const lastUse = ([use]) => {
  if (!use) return element("p", {}, unknown("Whether this key was ever used is not known: no row says."));
  const verdict = { used: "Used", never_used: "Never used" }[use.verdict];
  return element(
    "div",
    {},
    element("p", {}, verdict ?? unknown("Not known"), use.reason === null ? "." : [": ", foreign(use.reason), "."].map((part) => part)),
    facts([
      use.last_used_at !== null && ["Last known use", element("time", { datetime: use.last_used_at }, minute(use.last_used_at))],
      ["Known not to have been used since", use.unused_since === null ? null : minute(use.unused_since)],
      use.operation !== null && ["Operation", foreign(use.operation)],
      use.verdict === "used" && ["By", use.principal === null ? null : foreign(use.principal)],
      use.resource !== null && ["On", foreign(use.resource)],
      use.evidence !== null && ["Says who", { kms: "KMS (GetKeyLastUsage)", trail: "CloudTrail's log files", lookup: "CloudTrail's event history" }[use.evidence] ?? foreign(use.evidence)],
      use.tracking_started_at !== null && ["KMS records since", minute(use.tracking_started_at)],
      use.trail_started_at !== null && ["Log files read", `${day(use.trail_started_at)} to ${day(use.trail_ended_at ?? use.trail_started_at)}, where days may lack`],
    ]),
  );
};

const usesTable = (page) =>
  page.uses.length === 0
    ? nothing("No log file that was read tells of a use. That is no proof that there was none.")
    : element(
        "div",
        {},
        smallTable(
          "Uses in CloudTrail's log files that were read",
          ["Who", "Operation", "On", "Through", "Uses", "Errors", "First", "Last"],
          page.uses.map((use) => [foreign(use.principal), foreign(use.event_name), use.resource === null ? "—" : foreign(use.resource), use.invoked_by === null ? "—" : foreign(use.invoked_by), number(use.uses), number(use.errors), day(use.first_at), day(use.last_at)]),
        ),
        cutNote(page, "uses", "way of using it"),
      );

const showKey = async (place, arn, heading) => {
  const keys = await allKeys();
  const row = keysByArn.get(arn);
  if (row === undefined) {
    place.append(element("p", { class: "notice" }, "No key of this ARN is in this report: ", code(arn), ". It may be of an account or Region that was not read."), element("p", {}, element("a", { href: "#/keys" }, "All keys")));
    return;
  }
  const page = await keyPage(row);
  const { key } = page;
  const { account, region, id } = partsOfArn(arn);
  if (key.aliases?.length) heading.replaceChildren(foreign(key.aliases[0]));
  const [open, waived] = [page.findings.filter(({ waived: is }) => !is), page.findings.filter(({ waived: is }) => is)];
  const findings = (list) => element("ul", { class: "findings" }, list.map((finding) => element("li", {}, element("details", {}, element("summary", {}, findingTitle(finding)), findingBody(finding, key)))));
  const changes = await changesOf(arn);
  place.append(
    element("p", { class: "arn" }, code(arn)),
    element("p", {}, "Account ", element("a", { href: hashOf("keys", new URLSearchParams({ account_id: account })) }, foreign(account)), keys.at(row, "account_name") === null ? "" : [" (", foreign(keys.at(row, "account_name")), ")"].map((part) => part), `, ${region}, key `, code(id)),
    page.lacking.length || key.policy_error !== null
      ? element(
          "div",
          { class: "not-known" },
          element("h2", {}, "What is not known of this key"),
          key.policy_error === null ? null : element("p", {}, "A key policy could not be understood: ", foreign(key.policy_error)),
          page.lacking.length ? smallTable("Facts that lack", ["What lacks", "Why", "Request", "What was said", "What to do"], page.lacking.map((gap) => [foreign(gap.fact), code(gap.code), foreign(gap.operation), foreign(gap.message), foreign(gap.next_step)])) : null,
        )
      : null,
    section("Facts", keyFacts(page)),
    section("Findings", open.length ? findings(open) : nothing("No open finding. Rules that rest on what could not be read say nothing."), waived.length ? element("h3", {}, "Waived") : null, waived.length ? findings(waived) : null, cutNote(page, "findings", "finding")),
    section(
      "Who can use it",
      key.policy_status === "observed" ? null : element("p", { class: "notice" }, "The key policy could not be read: there may be others."),
      page.ways.length ? waysTable(page.ways) : nothing("Nobody is known to come in."),
      cutNote(page, "ways", "way in"),
    ),
    section("Last use", lastUse(page.last_use)),
    section("Uses in log files", usesTable(page)),
    section(
      "Grants",
      statusText(key.grants_status, page.grants.length ? smallTable("Grants", ["Grantee", "May", "If", "Name", "Made", "Retired by", "Grant"], page.grants.map((grant) => [grant.grantee_principal === null ? unknown() : foreign(grant.grantee_principal), grant.operations.join(", "), grant.constraints === null ? "nothing more" : foreign(grant.constraints), grant.name === null ? "—" : foreign(grant.name), grant.created_at === null ? "—" : day(grant.created_at), grant.retiring_principal === null ? "—" : foreign(grant.retiring_principal), code(`${grant.grant_id.slice(0, 12)}…`)])) : nothing("None.")),
      cutNote(page, "grants", "grant"),
    ),
    section("Key policy", statusText(key.policy_status, key.policy === null ? nothing("None.") : lines(pretty(key.policy), "Key policy")), key.ram_policy === null ? null : element("h3", {}, "Policy AWS_RAM"), key.ram_policy === null ? null : lines(pretty(key.ram_policy), "Policy AWS_RAM")),
    section("Tags", statusText(key.tags_status, Object.keys(key.tags ?? {}).length ? smallTable("Tags", ["Key", "Value"], Object.entries(key.tags).map(([name, value]) => [foreign(name), foreign(value)])) : nothing("None."))),
    changes.length ? section("Changes since the previous run", smallTable("Changes of this key", ["What", "Change", "Before", "Now"], changes.map((change) => [change.subject, change.change, changeCell(change.value_before), changeCell(change.value_now)]))) : null,
  );
  for (const empty of [...place.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE)) empty.remove();
};

const changesOf = async (arn) => {
  const table = await tableOf("changes_since_previous");
  const found = [];
  for (let row = 0; row < table.rows; row += 1) if (table.at(row, "key_arn") === arn) found.push(table.row(row));
  return found;
};
