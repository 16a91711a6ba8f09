//! Which key is meant, and what the lake has of it: the statements.

use std::collections::BTreeMap;

use kms_insights_model::{AccountId, KeyArn, Region};
use serde::Deserialize;

use super::{
    facts::{EventRow, Facts, GrantRow, Inventory, KeyRow, LastUse, LogDay, Logs, Recording, Scan, ShownRun, UnreadFile, Use},
    name::{AliasName, KeyName},
};
use crate::{
    exit::Trouble,
    ledger::{Ledger, literal, literals},
};

/// So many events of grants are read: services may make and retire one each minute.
const MOST_GRANT_EVENTS: u64 = 20_000;
/// So many other events are read: no key has as many.
const MOST_EVENTS: u64 = 20_000;
/// So many ways of using a key are read.
const MOST_USES: u64 = 50_000;
/// So many grants of today are read: KMS admits fifty thousand.
const MOST_GRANTS: u64 = 5_000;
/// So many log files that could not be read are named.
const MOST_UNREAD: u64 = 20;

const KEY_COLUMNS: &str = "run_id, snapshot_date, key_arn, observed_at, created_at, state, description, spec, usage, origin, manager, multi_region_type, \
    multi_region_primary_arn, deletion_date, aliases, tags, policy, grant_count";

/// What is asked for: a name, and where to look.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(super) name: KeyName,
    pub(super) account: Option<AccountId>,
    pub(super) region: Option<Region>,
}

impl Question {
    /// The condition on a row's place.
    fn place(&self) -> String {
        let (account, region) = match &self.name {
            KeyName::Arn(arn) => (Some(arn.account()), Some(arn.region())),
            KeyName::AliasArn { account, region, .. } => (Some(*account), Some(region)),
            KeyName::Alias(_) | KeyName::Id { .. } => (None, None),
        };
        let accounts = [account, self.account].into_iter().flatten().map(|account| format!("account_id = {}", literal(account)));
        let regions = [region, self.region.as_ref()].into_iter().flatten().map(|region| format!("region = {}", literal(region)));
        std::iter::once("TRUE".to_owned()).chain(accounts).chain(regions).collect::<Vec<_>>().join(" AND ")
    }

    /// The condition on a row of `keys`.
    fn key(&self) -> String {
        let has = |alias: &AliasName| format!("contains(aliases, {})", literal(alias));
        let named = match &self.name {
            KeyName::Arn(arn) => format!("key_arn = {}", literal(arn)),
            KeyName::Alias(alias) | KeyName::AliasArn { alias, .. } => has(alias),
            KeyName::Id { id, or_alias } => {
                format!("(key_id = {}{})", literal(id), or_alias.as_ref().map(|alias| format!(" OR {}", has(alias))).unwrap_or_default())
            }
        };
        format!("{named} AND {}", self.place())
    }

    /// The condition on a row of log files, which know no aliases but by the calls that gave them.
    fn logged(&self) -> Option<String> {
        let named = match &self.name {
            KeyName::Arn(arn) => format!("key_arn = {}", literal(arn)),
            KeyName::Id { id, .. } => format!("key_id = {}", literal(id)),
            KeyName::Alias(_) | KeyName::AliasArn { .. } => return None,
        };
        Some(format!("{named} AND {}", self.place()))
    }
}

/// The runs that views show.
#[derive(Clone, Debug)]
pub(super) struct ShownRuns(Vec<ShownRun>);

impl ShownRuns {
    pub(super) async fn read(ledger: &Ledger) -> Result<Self, Trouble> {
        ledger.rows("SELECT run_id, snapshot_date FROM latest_run ORDER BY snapshot_date, run_id").await.map(Self)
    }

    /// The condition on rows of these runs. The days are said too, so that no other file is opened.
    fn condition(&self) -> String {
        format!("snapshot_date IN {} AND run_id IN {}", literals(self.0.iter().map(|run| run.snapshot_date)), literals(self.0.iter().map(|run| &run.run_id)))
    }

    /// Their days, for people.
    pub(super) fn days(&self) -> Vec<String> {
        self.0.iter().map(|run| run.snapshot_date.to_string()).collect()
    }

    fn has(&self, key: &KeyRow) -> bool {
        self.0.iter().any(|run| run.run_id == key.run_id)
    }
}

/// A key that the name may stand for.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) key: KeyArn,
    /// Its row, where a run lists it.
    pub(super) row: Option<Box<KeyRow>>,
    /// Whether it is found by its alias, where an id was looked for as well.
    pub(super) is_by_alias: bool,
}

/// The keys that a name may stand for: those of the runs that are shown; where there are none, those of earlier runs; and where there are none of these either, those that log files tell of.
pub(super) async fn candidates(ledger: &Ledger, question: &Question, shown: &ShownRuns) -> Result<Vec<Candidate>, Trouble> {
    let is_by_alias = |key: &KeyRow| match &question.name {
        KeyName::Id { id, .. } => key.key_arn.key_id() != id,
        _ => false,
    };
    let listed = |key: KeyRow| Candidate { key: key.key_arn.clone(), is_by_alias: is_by_alias(&key), row: Some(Box::new(key)) };
    let rows: Vec<KeyRow> = ledger.rows(&format!("SELECT {KEY_COLUMNS} FROM keys WHERE {} AND {} ORDER BY key_arn", shown.condition(), question.key())).await?;
    if !rows.is_empty() {
        return Ok(only_ids_where_there_are(rows.into_iter().map(listed).collect()));
    }
    // Every run's files are opened, which is why it comes second.
    let rows: Vec<KeyRow> =
        ledger.rows(&format!("SELECT {KEY_COLUMNS} FROM keys WHERE {} ORDER BY snapshot_date DESC, run_id DESC LIMIT 1000", question.key())).await?;
    if !rows.is_empty() {
        let mut latest: BTreeMap<KeyArn, KeyRow> = BTreeMap::new();
        for row in rows {
            latest.entry(row.key_arn.clone()).or_insert(row);
        }
        return Ok(only_ids_where_there_are(latest.into_values().map(listed).collect()));
    }
    let logged = |key: KeyArn| Candidate { key, row: None, is_by_alias: false };
    let mut found = Vec::new();
    if let Some(condition) = question.logged() {
        found = arns(
            ledger,
            &format!("SELECT DISTINCT key_arn FROM key_events WHERE {condition} UNION SELECT DISTINCT key_arn FROM key_usage_daily WHERE {condition}"),
        )
        .await?;
    }
    if let Some(alias) = question.name.alias().filter(|_| found.is_empty()) {
        found = once_named(ledger, question, alias).await?;
    }
    Ok(found.into_iter().map(logged).collect())
}

/// A text that is a key's id is not looked for as an alias.
fn only_ids_where_there_are(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let has_id = candidates.iter().any(|candidate| !candidate.is_by_alias);
    candidates.into_iter().filter(|candidate| !has_id || !candidate.is_by_alias).collect()
}

async fn arns(ledger: &Ledger, sql: &str) -> Result<Vec<KeyArn>, Trouble> {
    #[derive(Deserialize)]
    struct Row {
        key_arn: String,
    }
    let rows: Vec<Row> = ledger.rows(sql).await?;
    let mut arns: Vec<KeyArn> = rows.iter().filter_map(|row| row.key_arn.parse().ok()).collect();
    arns.sort();
    arns.dedup();
    Ok(arns)
}

/// The keys that were given an alias, by the log.
async fn once_named(ledger: &Ledger, question: &Question, alias: &AliasName) -> Result<Vec<KeyArn>, Trouble> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM key_events WHERE event_name IN ('CreateAlias', 'UpdateAlias') AND error_code IS NULL AND strpos(request, {}) > 0 AND {} \
         ORDER BY event_at LIMIT {MOST_EVENTS}",
        literal(alias),
        question.place()
    );
    let events: Vec<EventRow> = ledger.rows(&sql).await?;
    let mut keys: Vec<KeyArn> = Vec::new();
    for event in events {
        let request = event.request();
        if request["aliasName"].as_str() == Some(alias.as_str())
            && let Ok(key) = event.key_arn.parse::<KeyArn>()
            // An alias that moved names both keys: that which it moved to counts.
            && request["targetKeyId"].as_str().is_none_or(|target| target == event.key_arn || target == key.key_id().to_string())
            && !keys.contains(&key)
        {
            keys.push(key);
        }
    }
    Ok(keys)
}

const EVENT_COLUMNS: &str =
    "key_arn, event_at, event_name, principal, session_name, invoked_by, user_agent, source_ip_address, request, response, error_code, event_id";

/// All that the lake has of a key.
pub(super) async fn facts(ledger: &Ledger, candidate: Candidate, shown: &ShownRuns) -> Result<Facts, Trouble> {
    let Candidate { key, row, .. } = candidate;
    let (account_name, shown_run) = account(ledger, &key, shown).await?;
    let (mut last_use, mut recording, mut grants) = (None, None, Vec::new());
    if let Some(row) = &row {
        let run = format!("snapshot_date = {} AND run_id = {}", literal(row.snapshot_date), literal(&row.run_id));
        let of_run = format!("{run} AND key_arn = {}", literal(&key));
        let sql = "SELECT last_used_at, operation, principal, resource, evidence, tracking_started_at, event_history_from, verdict, reason, status FROM key_last_used WHERE";
        last_use = ledger.rows::<LastUse>(&format!("{sql} {of_run}")).await?.pop();
        let place = format!("account_id = {} AND region = {}", literal(key.account()), literal(key.region()));
        recording = ledger.rows::<Recording>(&format!("SELECT records_kms_reads, reason FROM trail_recording WHERE {run} AND {place}")).await?.pop();
        let sql = "SELECT grant_id, created_at, grantee_principal, operations, constraints FROM grants WHERE";
        grants = ledger.rows::<GrantRow>(&format!("{sql} {of_run} ORDER BY created_at, grant_id LIMIT {MOST_GRANTS}")).await?;
    }
    let names = recorded_as(&key, row.as_deref());
    let (events, events_left_out) = events(ledger, &key, &names).await?;
    let (uses, uses_left_out) = uses(ledger, &names).await?;
    let inventory = match row {
        Some(row) if shown.has(&row) => Inventory::Listed(row),
        Some(key) => Inventory::Before { key, shown: shown_run },
        None => Inventory::Never { shown: shown_run },
    };
    let logs = logs(ledger, &key).await?;
    Ok(Facts { now: chrono::Utc::now(), key, account_name, inventory, events, events_left_out, uses, uses_left_out, last_use, recording, grants, logs })
}

/// The ARNs under which log files may record the key: its own, and those of its aliases, which is all that some records name.
fn recorded_as(key: &KeyArn, row: Option<&KeyRow>) -> Vec<String> {
    let arn = key.to_string();
    let place = arn.split_once(":key/").map_or("", |(place, _)| place).to_owned();
    let aliases = row.and_then(|row| row.aliases.as_ref()).into_iter().flatten().map(|alias| format!("{place}:{alias}"));
    std::iter::once(arn).chain(aliases).collect()
}

/// The account's name, and how the run that is shown went for it.
async fn account(ledger: &Ledger, key: &KeyArn, shown: &ShownRuns) -> Result<(Option<String>, Option<ShownRun>), Trouble> {
    #[derive(Deserialize)]
    struct Row {
        run_id: String,
        name: Option<String>,
        outcome: String,
    }
    let sql = format!(
        "SELECT run_id, name, outcome FROM accounts WHERE {} AND account_id = {} ORDER BY snapshot_date DESC, run_id DESC",
        shown.condition(),
        literal(key.account())
    );
    let row = ledger.rows::<Row>(&sql).await?.into_iter().next();
    let run = row.as_ref().and_then(|row| shown.0.iter().find(|run| run.run_id == row.run_id)).or(shown.0.last());
    let run = run.map(|run| ShownRun { account_outcome: row.as_ref().map(|row| row.outcome.clone()), ..run.clone() });
    Ok((row.and_then(|row| row.name), run))
}

async fn events(ledger: &Ledger, key: &KeyArn, names: &[String]) -> Result<(Vec<EventRow>, u64), Trouble> {
    const GRANTS: &str = "('CreateGrant', 'RetireGrant', 'RevokeGrant')";
    let mut of_key = format!("key_arn IN {}", literals(names));
    if key.key_id().is_multi_region() {
        // The events that make a replica, or make it the primary, are recorded where the primary is.
        of_key = format!(
            "({of_key} OR (key_id = {} AND account_id = {} AND event_name IN ('CreateKey', 'ReplicateKey', 'UpdatePrimaryRegion')))",
            literal(key.key_id()),
            literal(key.account())
        );
    }
    let sql = format!("SELECT {EVENT_COLUMNS} FROM key_events WHERE {of_key} AND event_name");
    let mut events: Vec<EventRow> = ledger.rows(&format!("{sql} NOT IN {GRANTS} ORDER BY event_at, event_id LIMIT {MOST_EVENTS}")).await?;
    let grants: Vec<EventRow> = ledger.rows(&format!("{sql} IN {GRANTS} ORDER BY event_at DESC, event_id LIMIT {MOST_GRANT_EVENTS}")).await?;
    let mut left_out = 0;
    if events.len() as u64 >= MOST_EVENTS || grants.len() as u64 >= MOST_GRANT_EVENTS {
        let all = ledger.count(&format!("SELECT count(*) AS counted FROM key_events WHERE {of_key}")).await?;
        left_out = all.saturating_sub((events.len() + grants.len()) as u64);
    }
    events.extend(grants);
    events.sort_by(|one, other| (one.event_at, order(one), &one.event_id).cmp(&(other.event_at, order(other), &other.event_id)));
    Ok((events, left_out))
}

/// CloudTrail tells whole seconds: of one second a key is made before anything else is done to it.
fn order(event: &EventRow) -> bool {
    event.event_name != "CreateKey"
}

async fn uses(ledger: &Ledger, names: &[String]) -> Result<(Vec<Use>, u64), Trouble> {
    let groups = format!(
        "SELECT key_arn, principal, event_name, resource, invoked_by, sum(uses) AS uses, sum(errors) AS errors, min(first_at) AS first_at, max(last_at) AS last_at, \
         min(CASE WHEN uses > 0 THEN event_date END) AS first_used_on, max(last_used_at) AS last_used_at \
         FROM key_usage_daily WHERE key_arn IN {} GROUP BY key_arn, principal, event_name, resource, invoked_by",
        literals(names)
    );
    let uses: Vec<Use> =
        ledger.rows(&format!("{groups} ORDER BY uses DESC, errors DESC, principal, event_name, resource, invoked_by, key_arn LIMIT {MOST_USES}")).await?;
    let left_out = if (uses.len() as u64) < MOST_USES {
        0
    } else {
        ledger.count(&format!("SELECT count(*) AS counted FROM ({groups}) g")).await?.saturating_sub(MOST_USES)
    };
    Ok((uses, left_out))
}

async fn logs(ledger: &Ledger, key: &KeyArn) -> Result<Logs, Trouble> {
    let place = format!("account_id = {} AND region = {}", literal(key.account()), literal(key.region()));
    // A file that was cut may be read whole later: what counts is how much of it was ever read.
    let files = |place: &str| {
        format!(
            "SELECT log_date, source, path, max(kms_records) AS kms_records, max(CASE status WHEN 'read' THEN 2 WHEN 'partial' THEN 1 ELSE 0 END) AS best, \
             max(problem) AS problem FROM trail_files WHERE {place} GROUP BY log_date, source, path"
        )
    };
    let of_key = files(&place);
    let days: Vec<LogDay> = ledger
        .rows(&format!(
            "SELECT log_date, count(*) AS files, sum(kms_records) AS kms_records FROM ({of_key}) f WHERE best > 0 GROUP BY log_date ORDER BY log_date"
        ))
        .await?;
    let unread_count = ledger.count(&format!("SELECT count(*) AS counted FROM ({of_key}) f WHERE best < 2")).await?;
    let unread: Vec<UnreadFile> = if unread_count == 0 {
        Vec::new()
    } else {
        let sql = format!(
            "SELECT log_date, source, path, CASE best WHEN 1 THEN 'partial' ELSE 'unread' END AS status, problem FROM ({of_key}) f WHERE best < 2 \
             ORDER BY log_date, source, path LIMIT {MOST_UNREAD}"
        );
        ledger.rows(&sql).await?
    };
    let unread_nameless = ledger.count(&format!("SELECT count(*) AS counted FROM ({}) f WHERE best < 2", files("account_id IS NULL"))).await?;
    let scans: Vec<Scan> = ledger
        .rows(&format!(
            "SELECT s.finished_at, s.tool_version, s.use_events FROM trail_scans s JOIN (SELECT DISTINCT scan_id FROM trail_files WHERE {place}) f \
             ON f.scan_id = s.scan_id ORDER BY s.finished_at"
        ))
        .await?;
    let last_scan = "SELECT finished_at, tool_version, use_events FROM trail_scans ORDER BY finished_at DESC LIMIT 1";
    let lake_scanned_at = ledger.rows::<Scan>(last_scan).await?.pop().map(|scan| scan.finished_at);
    let has_uses = ledger.count(&format!("SELECT count(*) AS counted FROM (SELECT 1 AS used FROM key_usage_daily WHERE {place} LIMIT 1) u")).await? > 0;
    Ok(Logs { days, unread, unread_count, unread_nameless, scans, lake_scanned_at, has_uses })
}
