-- Which two runs of each organization does changes_since_previous compare? The one that latest_run shows and the one of the same scope that began before it, each with a row. An organization that was read once has none. Runs without an organization are compared with one another, under an empty one. What another run completes is not compared.
CREATE OR REPLACE VIEW compared_runs AS
SELECT
    r.run_id,
    r.snapshot_date,
    CASE r.age WHEN 1 THEN 'later' ELSE 'earlier' END AS side,
    COALESCE(r.organization_id, '') AS organization,
    r.started_at,
    r.finished_at,
    CASE r.age WHEN 1 THEN r.started_before ELSE r.started_at END AS earlier_started_at,
    r.status,
    r.scope,
    r.selection,
    r.customer_managed_only
FROM (
    SELECT
        a.*,
        row_number() OVER (PARTITION BY a.organization_id, a.scope ORDER BY a.started_at DESC, a.finished_at DESC, a.run_id DESC) AS age,
        lead(a.started_at) OVER (PARTITION BY a.organization_id, a.scope ORDER BY a.started_at DESC, a.finished_at DESC, a.run_id DESC) AS started_before,
        -- A selection is shown only where there is no run of everything.
        max(CASE WHEN a.scope = 'whole' THEN 1 ELSE 0 END) OVER (PARTITION BY a.organization_id) AS any_whole
    FROM runs a
    LEFT JOIN runs c ON c.resumed_from = a.run_id
    WHERE c.run_id IS NULL
) r
WHERE r.any_whole = CASE WHEN r.scope = 'whole' THEN 1 ELSE 0 END
    AND (r.age = 2 OR (r.age = 1 AND r.started_before IS NOT NULL))
