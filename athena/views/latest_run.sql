-- Which published runs do the other views show? Of each organization, and of the runs without one, that of the runs that were to read everything which began last, complete or partial. A run that completes another began when that one did, and stands in its place. A run of a selection is shown only where there is no other of its organization.
CREATE OR REPLACE VIEW latest_run AS
SELECT
    r.run_id,
    r.snapshot_date,
    r.status,
    r.started_at,
    r.finished_at,
    r.tool_version,
    r.organization_id,
    r.scope,
    r.selection,
    r.resumed_from,
    r.accounts_planned,
    r.accounts_complete,
    r.accounts_partial,
    r.accounts_failed,
    r.accounts_skipped,
    r.keys,
    r.keys_incomplete,
    r.facts_lacking,
    r.findings
FROM (
    SELECT
        a.*,
        row_number() OVER (
            PARTITION BY a.organization_id
            ORDER BY CASE WHEN a.scope = 'whole' THEN 0 ELSE 1 END, a.started_at DESC, a.finished_at DESC, a.run_id DESC
        ) AS place
    FROM runs a
    LEFT JOIN runs c ON c.resumed_from = a.run_id
    WHERE c.run_id IS NULL
) r
WHERE r.place = 1
