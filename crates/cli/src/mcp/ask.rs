//! The questions: each a statement or a few over the views, and what must be kept in mind about its answer.

use std::sync::Arc;

use kms_insights_model::KeyArn;
use kms_insights_query::{Engine, RelationKind};
use serde_json::{Value, json};

use super::{
    answer::Answer,
    filter::{AccessRequest, AccountRequest, FindingsRequest, KeyRequest, KeysRequest, Page, SqlRequest},
};
use crate::{
    exit::Trouble,
    ledger::{Ledger, literal},
    query,
    trace::{self, Question},
};

/// Of a description of one key: so many findings, and so many ways in.
const MOST_OF_A_KEY: usize = 100;

/// Those whom nobody would miss in a list that is cut come last.
const FURTHEST_FIRST: &str = "CASE t.trust WHEN 'public' THEN 0 WHEN 'outside' THEN 1 WHEN 'unknown' THEN 2 WHEN 'trusted' THEN 3 WHEN 'organization' THEN 4 WHEN 'aws_service' THEN 5 ELSE 6 END";
const WORST_FIRST: &str = "CASE t.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END";

const USAGE_NOTE: &str = "usage_verdict `unknown` is not `never_used`: no use is recorded, and the records do not prove that there was none. AWS advises against deleting a key on \
    last use alone: volumes, snapshots and backups may need it without ever calling KMS. Disabling it first, and watching for failed calls, is reversible.";
const ACCESS_NOTE: &str = "These are the ways in that the key's own policies and grants open. IAM policies of the principals are not read: where `kind` is `delegation`, the account's IAM \
    decides, and within an account or for `unknown` certainty nobody may come in after all. `fence` is what must hold of a request. `intent` is no access.";
const COST_NOTE: &str = "Dollars at list price for keys alone, without requests, discounts or taxes. certainty `recorded` rests on records that prove it; never add `unknown` to it.";
const CHANGES_NOTE: &str = "`not_read` and `first_read` are no changes of a key: one of the two runs could not look, or was not to.";
const WAIVED_NOTE: &str = "Findings that somebody puts up with are left out unless `waived` is asked for. That there is no finding means nothing where a fact that its rule rests on was not read.";

/// One page of a view.
async fn page(engine: &Arc<Engine>, columns: &str, rows_of: &str, order: &str, page: Page, most: usize, notes: &[&str]) -> Result<Answer, Trouble> {
    let sql = format!("SELECT {columns} FROM {rows_of} ORDER BY {order}{}", page.clause());
    Answer::of(engine, &sql, page.rows(most), notes).await?.counted(engine, rows_of).await
}

pub(super) async fn keys(engine: &Arc<Engine>, request: &KeysRequest, most: usize) -> Result<Answer, Trouble> {
    let columns = "key_arn, aliases, description, account_id, account_name, region, state, manager, spec, usage, created_at, usage_verdict, last_used_at, \
        days_since_last_use, outside_account, outside_organization, public, findings, worst_severity, monthly_cost_usd, deletion_date, facts_lacking";
    let rows_of = format!("key_overview WHERE {}", request.condition()?);
    page(engine, columns, &rows_of, request.order(), request.page(), most, &[USAGE_NOTE]).await
}

/// The key that is meant.
async fn key(engine: &Arc<Engine>, key: &str, account: Option<&str>, region: Option<&str>, place: &str) -> Result<KeyArn, Trouble> {
    let question = Question::parse(key, account, region)?;
    trace::find(&Ledger::new(Arc::clone(engine)), &question, place).await
}

/// The condition on a key's rows of the runs that are shown.
fn of_shown(table: &str, arn: &KeyArn) -> String {
    format!("{table} t JOIN latest_run r ON t.snapshot_date = r.snapshot_date AND t.run_id = r.run_id WHERE t.key_arn = {}", literal(arn))
}

pub(super) async fn describe(engine: &Arc<Engine>, request: &KeyRequest, place: &str) -> Result<Answer, Trouble> {
    let arn = key(engine, &request.key, request.account.as_deref(), request.region.as_deref(), place).await?;
    let ledger = Ledger::new(Arc::clone(engine));
    let overview: Vec<Value> = ledger.rows(&format!("SELECT * FROM key_overview WHERE key_arn = {}", literal(&arn))).await?;
    if overview.is_empty() {
        return Err(
            Trouble::failed(format_args!("{arn} is not in the snapshot that is shown: an earlier one or the log files know it")).next("ask `trace` about it")
        );
    }
    let key: Vec<Value> = ledger
        .rows(&format!(
            "SELECT t.tags, t.policy, t.policy_status, t.policy_error, t.ram_policy, t.ram_policy_status, t.grants_status, t.tags_status, t.aliases_status, \
             t.rotation_status, t.rotation_period_days, t.next_rotation_at, t.multi_region_primary_arn, t.multi_region_replica_arns, t.custom_key_store_id FROM {}",
            of_shown("keys", &arn)
        ))
        .await?;
    let last_use: Vec<Value> = ledger
        .rows(&format!(
            "SELECT t.verdict, t.reason, t.last_used_at, t.operation, t.principal, t.resource, t.evidence, t.unused_since, t.tracking_started_at, t.status FROM {}",
            of_shown("key_last_used", &arn)
        ))
        .await?;
    let findings: Vec<Value> = ledger
        .rows(&format!(
            "SELECT t.rule, t.severity, t.confidence, t.title, t.cause, t.remediation, t.waived_until, t.waiver_reason FROM {} ORDER BY {WORST_FIRST}, t.rule, t.finding_id LIMIT {MOST_OF_A_KEY}",
            of_shown("findings", &arn)
        ))
        .await?;
    let access: Vec<Value> = ledger
        .rows(&format!(
            "SELECT t.who, t.trust, t.kind, t.capability, t.fence, t.certainty, t.cause FROM {} ORDER BY {FURTHEST_FIRST}, t.who, t.capability, t.fence LIMIT {MOST_OF_A_KEY}",
            of_shown("key_access", &arn)
        ))
        .await?;
    let is_cut = [("findings", "findings", findings.len()), ("ways in", "who_can_use", access.len())].into_iter().filter(|(_, _, len)| *len == MOST_OF_A_KEY);
    let cut: Vec<String> =
        is_cut.map(|(what, tool, _)| format!("Only the first {MOST_OF_A_KEY} {what} are listed; there may be more: ask `{tool}`.")).collect();
    let first = |mut rows: Vec<Value>| if rows.is_empty() { Value::Null } else { rows.swap_remove(0) };
    let described = json!({
        "overview": first(overview), "facts": first(key), "last_use": first(last_use),
        "findings": findings, "access": access,
    });
    let mut answer = Answer::of_one(engine, described, &[USAGE_NOTE, ACCESS_NOTE]).await?;
    answer.keep_in_mind.extend(cut);
    Ok(answer)
}

pub(super) async fn access(engine: &Arc<Engine>, request: &AccessRequest, place: &str, most: usize) -> Result<Answer, Trouble> {
    let arn = key(engine, &request.key, request.account.as_deref(), request.region.as_deref(), place).await?;
    let capability = request.capability.map(|capability| format!(" AND t.capability = {}", literal(capability.as_str()))).unwrap_or_default();
    let columns = "t.key_arn, t.who, t.who_kind, t.who_account, t.trust, t.kind, t.capability, t.actions, t.fence, t.on_behalf_of, t.resource, t.certainty, t.reason, \
        t.cause, t.policy_name, t.statement_index, t.grant_id";
    let rows_of = format!("{}{capability}", of_shown("key_access", &arn));
    let order = format!("{FURTHEST_FIRST}, t.who, t.capability, t.cause, t.policy_name, t.statement_index, t.grant_id, t.fence, t.resource");
    let mut answer = page(engine, columns, &rows_of, &order, Page { limit: request.limit, offset: request.offset }, most, &[ACCESS_NOTE]).await?;
    let unread: Vec<Value> = Ledger::new(Arc::clone(engine))
        .rows(&format!(
            "SELECT t.policy_status, t.ram_policy_status, t.grants_status, t.policy_error FROM {} AND (t.policy_status IN ('denied', 'failed') \
             OR t.ram_policy_status IN ('denied', 'failed') OR t.grants_status IN ('denied', 'failed') OR t.policy_error IS NOT NULL)",
            of_shown("keys", &arn)
        ))
        .await?;
    if let Some(unread) = unread.into_iter().next() {
        answer.keep_in_mind.insert(0, format!("Who can use {arn} is not fully known: not all of its policies and grants could be read."));
        answer.summary = Some(json!({"not_read": unread}));
    } else if answer.rows_in_all == Some(0) {
        answer.keep_in_mind.insert(0, format!("{arn} has no such way in, as far as the snapshot that is shown lists the key."));
    }
    Ok(answer)
}

pub(super) async fn unused(engine: &Arc<Engine>, request: &AccountRequest, most: usize) -> Result<Answer, Trouble> {
    let rows_of = format!("unused_keys WHERE {}", request.condition()?);
    page(engine, "*", &rows_of, "monthly_cost_usd DESC, key_arn", request.page(), most, &[USAGE_NOTE]).await
}

pub(super) async fn findings(engine: &Arc<Engine>, request: &FindingsRequest, most: usize) -> Result<Answer, Trouble> {
    // As of the day of the run, as docs/findings.md has it.
    let waived = "COALESCE(t.waived_until >= CAST(CAST(r.finished_at AS date) AS varchar), false)";
    let rows_of = format!(
        "(SELECT t.key_arn, t.account_id, t.region, t.finding_id, t.rule, t.severity, t.confidence, t.title, t.cause, t.evidence, t.remediation, {waived} AS waived, \
         t.waived_until, t.waiver_reason, t.rests_on FROM findings t JOIN latest_run r ON t.snapshot_date = r.snapshot_date AND t.run_id = r.run_id) t WHERE {}",
        request.condition()?
    );
    let order = format!("{WORST_FIRST}, rule, key_arn, finding_id");
    page(engine, "*", &rows_of, &order, request.page(), most, &[WAIVED_NOTE]).await
}

pub(super) async fn costs(engine: &Arc<Engine>, request: &AccountRequest, most: usize) -> Result<Answer, Trouble> {
    let condition = request.condition()?;
    let rows_of = format!("monthly_savings WHERE {condition}");
    let mut answer = page(engine, "*", &rows_of, "certainty, monthly_cost_usd DESC, account_id, reason", request.page(), most, &[COST_NOTE]).await?;
    let bill: Vec<Value> = Ledger::new(Arc::clone(engine))
        .rows(&format!(
            "SELECT count(*) AS keys, count(*) - count(monthly_cost_usd) AS keys_without_price, sum(monthly_cost_usd) AS monthly_cost_usd FROM key_overview \
             WHERE COALESCE(manager, 'CUSTOMER') = 'CUSTOMER' AND {condition}"
        ))
        .await?;
    answer.summary = bill.into_iter().next().map(|bill| json!({"all_customer_managed_keys_needed_or_not": bill}));
    Ok(answer)
}

pub(super) async fn changes(engine: &Arc<Engine>, request: &AccountRequest, most: usize) -> Result<Answer, Trouble> {
    let rows_of = format!("changes_since_previous WHERE {}", request.condition()?);
    page(engine, "*", &rows_of, "account_id, region, key_arn, subject, finding_id, grant_id, change", request.page(), most, &[CHANGES_NOTE]).await
}

pub(super) async fn coverage(engine: &Arc<Engine>, request: &AccountRequest, most: usize) -> Result<Answer, Trouble> {
    let rows_of = format!("coverage_gaps WHERE {}", request.condition()?);
    page(engine, "*", &rows_of, "account_id, region, fact, operation, code", request.page(), most, &[]).await
}

pub(super) async fn trace(engine: &Arc<Engine>, request: &KeyRequest, place: &str) -> Result<Answer, Trouble> {
    let question = Question::parse(&request.key, request.account.as_deref(), request.region.as_deref())?;
    let report = trace::report(&Ledger::new(Arc::clone(engine)), &question, place).await?;
    let report = serde_json::to_value(report).map_err(|error| Trouble::failed(format_args!("the answer: {error}")))?;
    Answer::of_one(engine, report, &["`unknown` in the answer lists what nobody can tell: say it together with the conclusion."]).await
}

pub(super) async fn sql(engine: &Arc<Engine>, request: &SqlRequest, most: usize) -> Result<Answer, Trouble> {
    let page = Page { limit: request.limit, offset: None };
    Answer::of(engine, &request.sql, page.rows(most), &[]).await
}

/// Every table and view, with its columns.
pub(super) async fn schema(engine: &Arc<Engine>) -> Result<Value, Trouble> {
    let relations = engine.relations().await.map_err(|error| query::trouble(&error))?;
    let described = relations.iter().map(|relation| {
        let columns = relation.schema.fields().iter().map(|field| json!({"name": field.name(), "type": field.data_type().to_string()}));
        json!({
            "name": relation.name,
            "kind": match relation.kind { RelationKind::Table => "table", RelationKind::View => "view" },
            "description": relation.description,
            "columns": columns.collect::<Vec<_>>(),
        })
    });
    Ok(json!({
        "dialect": "Trino's SQL, as Amazon Athena has it; one SELECT at a time",
        "advice": "Views show the latest published run of each organization. Tables hold every run: join latest_run on snapshot_date and run_id, or the same key counts once for each.",
        "relations": described.collect::<Vec<_>>(),
    }))
}

/// The runs that are shown, and what they do not know.
pub(super) async fn coverage_of_all(engine: &Arc<Engine>, most: usize) -> Result<Value, Trouble> {
    let answer = coverage(engine, &AccountRequest { limit: Some(u32::MAX), ..AccountRequest::default() }, most).await?;
    serde_json::to_value(answer).map_err(|error| Trouble::failed(format_args!("the answer: {error}")))
}
