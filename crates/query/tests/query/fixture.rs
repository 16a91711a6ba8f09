//! A small lake: the latest run of everything and the one before it, the partial run that the latest completes, a later run of one account only, and the files of
//! a run that was killed before it was published.

use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

use datafusion::parquet::arrow::ArrowWriter;
use kms_insights_lake::{
    Lake, LakeLocation,
    table::Row,
    tables::{
        accounts::AccountRow, collection_errors::CollectionErrorRow, findings::FindingRow, grants::GrantRow, key_last_used::KeyLastUsedRow, keys::KeyRow,
        policy_statements::PolicyStatementRow, runs::RunRow,
    },
};
use kms_insights_query::{
    Engine, EngineOptions,
    output::{Format, TableLayout, write},
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{pitfalls::Pitfalls, ways};

pub(crate) const BEFORE: &str = "20260820T060000Z-00000001";
pub(crate) const LATEST: &str = "20261120T060000Z-00000002";
/// What [`LATEST`] completes.
pub(crate) const PARTIAL: &str = "20261119T060000Z-00000004";
/// A run of one account, published after [`LATEST`].
pub(crate) const SELECTION: &str = "20261122T060000Z-00000005";
pub(crate) const KILLED: &str = "20261121T060000Z-00000003";

pub(crate) const APP: &str = "111122223333";
pub(crate) const DATA: &str = "444455556666";

/// The killed run's only key: it must never be seen.
pub(crate) const GHOST: &str = "99999999-0000-0000-0000-000000000000";

pub(crate) fn at<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Writes rows where the lake keeps a run's files.
pub(crate) fn write_rows<R: Row>(root: &Path, run: &str, rows: &[R]) {
    let folder = root.join(R::TABLE.name).join(format!("snapshot_date={}-{}-{}", &run[0..4], &run[4..6], &run[6..8]));
    fs::create_dir_all(&folder).unwrap();
    let name = if R::TABLE.name == "runs" { format!("{run}.parquet") } else { format!("{run}-0000.parquet") };
    let batch = R::batch(rows).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(folder.join(name)).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

pub(crate) fn run(id: &str, status: &str) -> RunRow {
    let started = format!("{}-{}-{}T06:00:00Z", &id[0..4], &id[4..6], &id[6..8]);
    let finished = started.replace("06:00:00", "06:05:00");
    RunRow {
        run_id: id.to_owned(),
        status: status.to_owned(),
        started_at: at(&started),
        finished_at: at(&finished),
        tool_version: "0.1.0".to_owned(),
        organization_id: Some(String::from("o-example")),
        scope: "whole".to_owned(),
        selection: None,
        resumed_from: (id == LATEST).then(|| PARTIAL.to_owned()),
        accounts_planned: 4,
        accounts_complete: 1,
        accounts_partial: 1,
        accounts_failed: 1,
        accounts_skipped: 1,
        regions_read: 3,
        keys: 7,
        keys_incomplete: 1,
        facts_lacking: 2,
        findings: 2,
        customer_managed_only: false,
        generation: 1,
    }
}

pub(crate) fn account(run: &str, id: &str, name: &str, outcome: &str, reason: Option<&str>) -> AccountRow {
    AccountRow {
        run_id: run.to_owned(),
        account_id: id.to_owned(),
        name: Some(String::from(name)),
        ou_path: Some(String::from("/Workloads/Prod")),
        ou_path_status: "observed".to_owned(),
        state: Some(String::from(if outcome == "skipped" { "SUSPENDED" } else { "ACTIVE" })),
        is_management: false,
        regions: vec!["eu-central-1".to_owned(), "eu-west-1".to_owned()],
        outcome: outcome.to_owned(),
        reason: reason.map(str::to_owned),
        keys: 0,
        keys_incomplete: 0,
        access_status: if outcome == "failed" { "denied" } else { "observed" }.to_owned(),
    }
}

pub(crate) fn arn(account: &str, region: &str, id: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:key/{id}")
}

/// A customer managed, symmetric, enabled key made in 2025, about which everything was observed.
pub(crate) fn key(run: &str, account: &str, region: &str, id: &str, alias: &str) -> KeyRow {
    let observed = || "observed".to_owned();
    KeyRow {
        run_id: run.to_owned(),
        key_arn: arn(account, region, id),
        key_id: id.to_owned(),
        account_id: account.to_owned(),
        region: region.to_owned(),
        observed_at: at("2026-11-20T06:01:00Z"),
        created_at: Some(at("2025-01-15T12:00:00Z")),
        state: Some(String::from("Enabled")),
        enabled: Some(true),
        description: Some(String::new()),
        spec: Some(String::from("SYMMETRIC_DEFAULT")),
        usage: Some(String::from("ENCRYPT_DECRYPT")),
        origin: Some(String::from("AWS_KMS")),
        manager: Some(String::from("CUSTOMER")),
        multi_region: Some(id.starts_with("mrk-")),
        multi_region_type: None,
        multi_region_primary_arn: None,
        multi_region_replica_arns: None,
        deletion_date: None,
        pending_deletion_window_days: None,
        valid_to: None,
        expiration_model: None,
        custom_key_store_id: None,
        custom_key_store_name: None,
        custom_key_store_type: None,
        custom_key_store_connection_state: None,
        cloud_hsm_cluster_id: None,
        xks_key_id: None,
        current_key_material_id: None,
        algorithms: Some(vec!["SYMMETRIC_DEFAULT".to_owned()]),
        aliases: Some(vec![alias.to_owned()]),
        tags: Some(BTreeMap::from([("owner".to_owned(), "payments".to_owned())])),
        policy: Some(String::from("{}")),
        ram_policy: None,
        concern: Some(String::from("Principal is account")),
        outside_account: "no".to_owned(),
        outside_organization: "no".to_owned(),
        public: "no".to_owned(),
        policy_error: None,
        grant_count: Some(0),
        rotation_enabled: Some(true),
        rotation_period_days: Some(365),
        next_rotation_at: None,
        on_demand_rotation_started_at: None,
        rotation_count: Some(1),
        last_rotated_at: Some(at("2026-01-15T12:00:00Z")),
        monthly_cost_usd: Some(2.0),
        metadata_status: observed(),
        aliases_status: observed(),
        custom_key_store_status: "not_applicable".to_owned(),
        policy_status: observed(),
        ram_policy_status: "not_applicable".to_owned(),
        grants_status: observed(),
        tags_status: observed(),
        rotation_status: observed(),
        rotations_status: observed(),
        last_usage_status: observed(),
    }
}

pub(crate) fn last_used(key: &KeyRow, used_at: Option<&str>, verdict: &str, reason: Option<&str>) -> KeyLastUsedRow {
    KeyLastUsedRow {
        run_id: key.run_id.clone(),
        key_arn: key.key_arn.clone(),
        key_id: key.key_id.clone(),
        account_id: key.account_id.clone(),
        region: key.region.clone(),
        last_used_at: used_at.map(at),
        operation: used_at.map(|_| "Decrypt".to_owned()),
        principal: None,
        evidence: (key.last_usage_status == "observed").then(|| "kms".to_owned()),
        cloudtrail_event_id: None,
        kms_request_id: None,
        tracking_started_at: Some(at("2026-04-23T00:00:00Z")),
        key_created_at: key.created_at,
        verdict: verdict.to_owned(),
        reason: reason.map(str::to_owned),
        status: key.last_usage_status.clone(),
    }
}

pub(crate) fn statement(key: &KeyRow, index: i32, sid: Option<&str>, principal: &str, action: &str, concern: &str) -> PolicyStatementRow {
    PolicyStatementRow {
        run_id: key.run_id.clone(),
        key_arn: key.key_arn.clone(),
        key_id: key.key_id.clone(),
        account_id: key.account_id.clone(),
        region: key.region.clone(),
        policy_name: "default".to_owned(),
        statement_index: index,
        sid: sid.map(str::to_owned),
        effect: "Allow".to_owned(),
        principal_type: "AWS".to_owned(),
        principal: principal.to_owned(),
        negated_principal: false,
        actions: action.split(',').map(str::to_owned).collect(),
        negated_actions: false,
        action: action.to_owned(),
        condition: None,
        concern: concern.to_owned(),
        statement: format!("{{\"Effect\":\"Allow\",\"Action\":\"{action}\"}}"),
    }
}

/// What these rules rest on, as the rules themselves say.
fn rests_on(rule: &str) -> &'static [&'static str] {
    match rule {
        "public" | "outside-account" | "wildcard-actions" | "iam-user" => &["policies"],
        "grant-outside-account" => &["grants", "policies"],
        "pending-deletion" => &["metadata"],
        "never-used" => &["metadata", "last_usage"],
        "no-alias" => &["metadata", "aliases"],
        "required-tags" => &["metadata", "tags"],
        "rotation-off" => &["metadata", "rotation"],
        "policy-unreadable" => &[],
        _ => panic!("what does {rule} rest on?"),
    }
}

pub(crate) fn finding(key: &KeyRow, id: &str, rule: &str, severity: &str) -> FindingRow {
    FindingRow {
        run_id: key.run_id.clone(),
        key_arn: key.key_arn.clone(),
        key_id: key.key_id.clone(),
        account_id: key.account_id.clone(),
        region: key.region.clone(),
        finding_id: id.to_owned(),
        rule: rule.to_owned(),
        severity: severity.to_owned(),
        confidence: "certain".to_owned(),
        title: format!("{rule} found"),
        cause: "statement 0".to_owned(),
        evidence: "{}".to_owned(),
        remediation: "mend it".to_owned(),
        changed_policy: None,
        waived_until: None,
        waiver_reason: None,
        rests_on: rests_on(rule).iter().map(|fact| (*fact).to_owned()).collect(),
    }
}

pub(crate) fn error(run: &str, account: &str, region: Option<&str>, key: Option<&KeyRow>, fact: &str, operation: &str, code: &str) -> CollectionErrorRow {
    CollectionErrorRow {
        run_id: run.to_owned(),
        account_id: Some(String::from(account)),
        region: region.map(str::to_owned),
        key_arn: key.map(|key| key.key_arn.clone()),
        key_id: key.map(|key| key.key_id.clone()),
        fact: fact.to_owned(),
        operation: operation.to_owned(),
        code: code.to_owned(),
        retryable: code == "budget",
        message: "not authorized".to_owned(),
        next_step: "allow it".to_owned(),
    }
}

pub(crate) fn grant(key: &KeyRow, id: &str, grantee: &str) -> GrantRow {
    GrantRow {
        run_id: key.run_id.clone(),
        key_arn: key.key_arn.clone(),
        key_id: key.key_id.clone(),
        account_id: key.account_id.clone(),
        region: key.region.clone(),
        grant_id: id.to_owned(),
        name: None,
        created_at: None,
        grantee_principal: Some(String::from(grantee)),
        retiring_principal: None,
        issuing_account: None,
        operations: vec!["Decrypt".to_owned(), "CreateGrant".to_owned()],
        constraints: Some(String::from("{\"SourceArn\":\"arn:aws:s3:::b\"}")),
        source_arn: None,
    }
}

/// The run of August: keys that changed since, one that went, and those that the latest run could not look for, or was not to.
fn write_before(root: &Path) {
    let used = key(BEFORE, APP, "eu-central-1", "11111111-0000-0000-0000-000000000000", "alias/app");
    let mut now_pending = key(BEFORE, DATA, "eu-central-1", "44444444-0000-0000-0000-000000000000", "alias/old");
    now_pending.policy = Some(String::from("{\"Version\":\"2008-10-17\"}"));
    now_pending.rotation_enabled = Some(false);
    now_pending.grants_status = String::from("denied");
    now_pending.grant_count = None;
    let now_unreadable = key(BEFORE, DATA, "eu-central-1", "33333333-0000-0000-0000-000000000000", "alias/secret");
    let no_longer_listed = key(BEFORE, DATA, "eu-west-1", "66666666-0000-0000-0000-000000000001", "alias/unlisted");
    let not_asked_for = key(BEFORE, APP, "us-east-1", "66666666-0000-0000-0000-000000000002", "alias/abroad");
    let gone = key(BEFORE, DATA, "eu-central-1", "66666666-0000-0000-0000-000000000000", "alias/gone");
    let not_read = key(BEFORE, "777788889999", "eu-central-1", "77777777-0000-0000-0000-000000000000", "alias/elsewhere");
    write_rows(root, BEFORE, &[account(BEFORE, APP, "app", "complete", None), account(BEFORE, DATA, "data", "complete", None)]);
    write_rows(
        root,
        BEFORE,
        &[
            finding(&used, "f-old", "public", "high"),
            finding(&now_unreadable, "f-policy", "outside-account", "high"),
            finding(&now_unreadable, "f-usage", "never-used", "info"),
            finding(&now_unreadable, "f-grant", "grant-outside-account", "high"),
        ],
    );
    write_rows(root, BEFORE, &[used, now_pending, now_unreadable, no_longer_listed, not_asked_for, gone, not_read]);
    write_rows(root, BEFORE, &[run(BEFORE, "complete")]);
}

/// The attempt that the latest run completes: nobody asks what changed between the two.
fn write_partial(root: &Path) {
    let mut used = key(PARTIAL, APP, "eu-central-1", "11111111-0000-0000-0000-000000000000", "alias/app");
    used.state = Some(String::from("Disabled"));
    write_rows(root, PARTIAL, &[account(PARTIAL, APP, "app", "complete", None)]);
    write_rows(root, PARTIAL, &[used]);
    write_rows(root, PARTIAL, &[run(PARTIAL, "partial")]);
}

/// A later run of one account: the views go on showing the whole organization.
fn write_selection(root: &Path) {
    write_rows(root, SELECTION, &[account(SELECTION, APP, "app", "complete", None)]);
    write_rows(root, SELECTION, &[key(SELECTION, APP, "eu-central-1", "11111111-0000-0000-0000-000000000000", "alias/app")]);
    write_rows(root, SELECTION, &[selected(run(SELECTION, "complete"))]);
}

/// The run, as one that was limited to an account.
pub(crate) fn selected(run: RunRow) -> RunRow {
    RunRow { scope: "selection".to_owned(), selection: Some(format!("accounts {APP}")), ..run }
}

/// The run of November, which everything else is about.
fn write_latest(root: &Path) {
    let unknown = || String::from("unknown");
    let mut used = key(LATEST, APP, "eu-central-1", "11111111-0000-0000-0000-000000000000", "alias/app");
    (used.outside_account, used.outside_organization) = (String::from("yes"), String::from("yes"));
    let mut primary = key(LATEST, APP, "eu-central-1", "mrk-22222222000000000000000000000000", "alias/multi");
    primary.multi_region_type = Some(String::from("PRIMARY"));
    (primary.outside_account, primary.outside_organization) = (String::from("yes"), String::from("yes"));
    let mut replica = key(LATEST, APP, "eu-west-1", "mrk-22222222000000000000000000000000", "alias/multi");
    replica.multi_region_type = Some(String::from("REPLICA"));
    replica.rotation_period_days = Some(730);
    let mut unreadable = key(LATEST, DATA, "eu-central-1", "33333333-0000-0000-0000-000000000000", "alias/secret");
    unreadable.policy = None;
    unreadable.concern = None;
    (unreadable.outside_account, unreadable.outside_organization, unreadable.public) = (unknown(), unknown(), unknown());
    unreadable.policy_status = String::from("denied");
    unreadable.rotation_enabled = None;
    unreadable.rotation_status = String::from("denied");
    unreadable.last_usage_status = String::from("failed");
    unreadable.monthly_cost_usd = None;
    let mut pending = key(LATEST, DATA, "eu-central-1", "44444444-0000-0000-0000-000000000000", "alias/old");
    pending.state = Some(String::from("PendingDeletion"));
    pending.enabled = Some(false);
    pending.deletion_date = Some(at("2099-01-01T00:00:00Z"));
    pending.monthly_cost_usd = Some(0.0);
    let mut open = key(LATEST, DATA, "eu-central-1", "55555555-0000-0000-0000-000000000000", "alias/=open");
    open.created_at = Some(at("2026-09-01T00:00:00.250Z"));
    open.description = Some(String::from("\u{1b}[31mred\u{1b}[0m,\n\"quoted\""));
    open.state = Some(String::from("Disabled"));
    open.enabled = Some(false);
    (open.outside_account, open.outside_organization, open.public) = (String::from("yes"), String::from("yes"), String::from("yes"));
    open.concern = Some(String::from("Key policy overly permissive;External account"));
    open.rotation_enabled = Some(false);
    open.rotation_period_days = None;
    open.last_rotated_at = None;
    open.aliases = Some(vec!["alias/=open".to_owned(), "alias/second".to_owned()]);
    open.tags = Some(BTreeMap::new());
    open.grant_count = Some(2);
    open.monthly_cost_usd = Some(1.0);
    let mut managed = key(LATEST, DATA, "eu-central-1", "88888888-0000-0000-0000-000000000000", "alias/aws/s3");
    managed.manager = Some(String::from("AWS"));
    managed.monthly_cost_usd = Some(0.0);
    let pitfalls = Pitfalls::new();

    write_rows(
        root,
        LATEST,
        &[
            account(LATEST, APP, "app", "complete", None),
            account(LATEST, DATA, "data", "partial", Some("3 facts lack")),
            account(LATEST, "777788889999", "locked", "failed", Some("assume_role_denied")),
            account(LATEST, "000000000042", "closed", "skipped", Some("the account is SUSPENDED")),
        ],
    );
    let mut last_uses = pitfalls.last_used();
    last_uses.extend([
        last_used(&used, Some("2026-11-19T08:30:00Z"), "used", None),
        last_used(&primary, Some("2026-06-01T00:00:00Z"), "used", None),
        last_used(&replica, None, "unknown", Some("no use is recorded since 2026-04-23, but the key is older than that")),
        last_used(&unreadable, None, "unknown", Some("budget: the budget for last usage was spent before this was read")),
        last_used(&pending, Some("2026-07-01T00:00:00Z"), "used", None),
        last_used(&open, None, "never_used", None),
        last_used(&managed, None, "unknown", Some("no use is recorded since 2026-04-23, but the key is older than that")),
    ]);
    write_rows(root, LATEST, &last_uses);
    write_rows(
        root,
        LATEST,
        &[
            statement(&used, 0, Some("Root"), "arn:aws:iam::111122223333:root", "kms:*", "Principal is account"),
            statement(&used, 1, Some("Vendor"), "arn:aws:iam::999999999999:role/vendor", "kms:Decrypt,kms:DescribeKey", "External account"),
            statement(&used, 1, Some("Vendor"), "444455556666", "kms:Decrypt,kms:DescribeKey", "Principal is account;External account"),
            statement(&primary, 0, Some("Root"), "arn:aws:iam::111122223333:root", "kms:*", "Principal is account"),
            PolicyStatementRow {
                policy_name: "AWS_RAM".to_owned(),
                ..statement(&primary, 0, None, "arn:aws:iam::999999999999:root", "kms:Decrypt", "Principal is account;External account")
            },
            statement(&replica, 0, Some("Root"), "arn:aws:iam::111122223333:root", "kms:*", "Principal is account"),
            statement(&open, 0, None, "*", "kms:*", "Key policy overly permissive;External account"),
            // `NotPrincipal` with `NotAction`: a reader must not take the excepted user for the one let in.
            PolicyStatementRow {
                negated_principal: true,
                negated_actions: true,
                ..statement(
                    &open,
                    1,
                    Some("AllButOne"),
                    "arn:aws:iam::444455556666:user/banned",
                    "kms:Decrypt",
                    "Key policy overly permissive;External account",
                )
            },
        ],
    );
    write_rows(
        root,
        LATEST,
        &[
            grant(&open, "g-out", "arn:aws:iam::111122223333:role/reader"),
            grant(&open, "g-own", "arn:aws:iam::444455556666:role/own"),
            grant(&open, "g-service", "rds.eu-central-1.amazonaws.com"),
        ],
    );
    write_rows(
        root,
        LATEST,
        &[
            finding(&open, "f-1", "public", "critical"),
            finding(&open, "f-2", "wildcard-actions", "low"),
            finding(&used, "f-3", "outside-account", "medium"),
            finding(&pending, "f-4", "pending-deletion", "high"),
            finding(&pending, "f-5", "grant-outside-account", "high"),
        ],
    );
    write_rows(
        root,
        LATEST,
        &[
            error(LATEST, DATA, Some("eu-central-1"), Some(&unreadable), "policy", "kms:GetKeyPolicy", "access_denied"),
            error(LATEST, DATA, Some("eu-central-1"), Some(&unreadable), "rotation", "kms:GetKeyRotationStatus", "access_denied"),
            error(LATEST, DATA, Some("eu-central-1"), Some(&unreadable), "last_usage", "kms:GetKeyLastUsage", "budget"),
            // Neither hides that a key is gone, for the Region's keys were listed.
            error(LATEST, DATA, Some("eu-central-1"), None, "alias_listing", "kms:ListAliases", "access_denied"),
            error(LATEST, DATA, None, None, "regions", "account:ListRegions", "access_denied"),
            error(LATEST, DATA, Some("eu-west-1"), None, "key_listing", "kms:ListKeys", "access_denied"),
            error(LATEST, "777788889999", None, None, "access", "sts:AssumeRole", "assume_role_denied"),
        ],
    );
    write_rows(root, LATEST, &ways::of_latest(&used, &primary, &open));
    let mut keys = vec![used, primary, replica, unreadable, pending, open, managed];
    keys.extend(pitfalls.keys());
    write_rows(root, LATEST, &keys);
    write_rows(root, LATEST, &[run(LATEST, "partial")]);
}

/// The lake, made once for all tests.
fn lake_folder() -> &'static TempDir {
    static LAKE: OnceLock<TempDir> = OnceLock::new();
    LAKE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        write_before(folder.path());
        write_partial(folder.path());
        write_latest(folder.path());
        write_selection(folder.path());
        write_rows(folder.path(), KILLED, &[key(KILLED, APP, "eu-central-1", GHOST, "alias/ghost")]);
        folder
    })
}

fn lake_at(folder: &Path) -> Lake {
    let location: LakeLocation = folder.to_str().unwrap().parse().unwrap();
    Lake::open(&location, None).unwrap()
}

pub(crate) async fn engine_over(folder: &Path) -> Result<Engine, kms_insights_query::QueryError> {
    Engine::open(&lake_at(folder)).await
}

pub(crate) async fn engine_with(options: EngineOptions) -> Engine {
    Engine::open_with(&lake_at(lake_folder().path()), options).await.unwrap()
}

/// One engine for all tests: it holds no state of a query.
pub(crate) async fn engine() -> &'static Engine {
    static ENGINE: OnceCell<Engine> = OnceCell::const_new();
    ENGINE.get_or_init(|| engine_with(EngineOptions::default())).await
}

/// The output of a query in a format.
pub(crate) async fn output(sql: &str, format: Format, layout: TableLayout) -> String {
    let result = engine().await.query(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let mut out = Vec::new();
    write(result, format, layout, &mut out).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    String::from_utf8(out).unwrap()
}

/// The rows of a query as JSON, one per line, sorted.
pub(crate) async fn rows(sql: &str) -> String {
    let output = output(sql, Format::JsonLines, TableLayout::default()).await;
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The one value of a query of one row and column, as JSON.
pub(crate) async fn value(expression: &str) -> String {
    let row = rows(&format!("SELECT {expression} AS v")).await;
    row.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix('}')).unwrap_or(&row).to_owned()
}

/// The error of a query that must fail, at once or while it runs.
pub(crate) async fn failure(sql: &str) -> kms_insights_query::QueryError {
    match engine().await.query(sql).await {
        Err(error) => error,
        Ok(result) => match result.collect().await {
            Err(error) => error,
            Ok(rows) => panic!("{sql} gave {rows:?}"),
        },
    }
}
