-- Which published run do the other views show? Of the runs that were to read everything, the one that finished last, complete or partial. A run of a selection is shown only where there is no other.
CREATE OR REPLACE VIEW latest_run AS
SELECT
    run_id,
    snapshot_date,
    status,
    started_at,
    finished_at,
    tool_version,
    organization_id,
    scope,
    selection,
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
ORDER BY CASE WHEN scope = 'whole' THEN 0 ELSE 1 END, finished_at DESC, run_id DESC
LIMIT 1
