//! The findings for a spreadsheet, one row each, with what there is to know of their keys.

use std::io::Write;

use kms_insights_query::output::{self, Format, TableLayout};

use super::{ReportError, reading::Reader};

/// The worst first within a key. Text that a spreadsheet would take for a formula is made harmless as it is written.
const ROWS: &str = "SELECT f.severity, f.confidence, f.rule, f.title, f.cause, f.remediation, f.evidence, \
    COALESCE(f.waived_until >= CAST(CAST(r.finished_at AS date) AS varchar), false) AS waived, f.waived_until, f.waiver_reason, \
    f.account_id, a.name AS account_name, a.ou_path, f.region, f.key_id, array_join(k.aliases, ', ') AS aliases, k.description, k.state, k.manager, k.created_at, \
    u.verdict AS usage_verdict, u.last_used_at, k.monthly_cost_usd, f.finding_id, f.key_arn, f.snapshot_date, f.run_id \
    FROM (SELECT * FROM findings WHERE {shown} AND {account}) f \
    JOIN latest_run r ON r.snapshot_date = f.snapshot_date AND r.run_id = f.run_id \
    JOIN (SELECT * FROM keys WHERE {shown} AND {account}) k ON k.run_id = f.run_id AND k.key_arn = f.key_arn \
    LEFT JOIN (SELECT * FROM key_last_used WHERE {shown} AND {account}) u ON u.run_id = f.run_id AND u.key_arn = f.key_arn \
    LEFT JOIN accounts a ON a.snapshot_date = f.snapshot_date AND a.run_id = f.run_id AND a.account_id = f.account_id \
    ORDER BY f.account_id, f.region, f.key_id, f.run_id, \
    CASE f.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END, f.rule, f.finding_id, f.cause";

pub(super) async fn write<W: Write + Send>(reader: &Reader, out: &mut W) -> Result<(), ReportError> {
    let rows = reader.stream_by_account(ROWS).await?;
    output::write(rows, Format::Csv, TableLayout::default(), out).await?;
    Ok(())
}
