-- Which published run do the other views show? The one that finished last, complete or partial.
CREATE OR REPLACE VIEW latest_run AS
SELECT
    run_id,
    snapshot_date,
    status,
    started_at,
    finished_at,
    tool_version,
    organization_id,
    resumed_from,
    accounts_planned,
    accounts_complete,
    accounts_partial,
    accounts_failed,
    accounts_skipped,
    keys,
    keys_incomplete,
    facts_lacking,
    findings
FROM runs
ORDER BY finished_at DESC, run_id DESC
LIMIT 1
