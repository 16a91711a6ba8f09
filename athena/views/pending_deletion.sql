-- Which keys are about to be gone for good, and how many days are left to cancel that? last_used_at is the last use that is known, and unused_since is from when on there was none for certain, null where nobody can tell. A primary that waits for its replicas has no date yet. The state is unknown where it could not be read.
CREATE OR REPLACE VIEW pending_deletion AS
SELECT
    k.key_arn,
    k.key_id,
    k.account_id,
    a.name AS account_name,
    k.region,
    array_join(k.aliases, ', ') AS aliases,
    k.description,
    CASE WHEN k.metadata_status IN ('denied', 'failed') THEN 'unknown' ELSE k.state END AS state,
    k.deletion_date,
    date_diff('day', current_date, CAST(k.deletion_date AS date)) AS days_left,
    k.pending_deletion_window_days,
    COALESCE(u.verdict, 'unknown') AS usage_verdict,
    u.last_used_at,
    u.operation AS last_used_operation,
    u.unused_since,
    k.grant_count,
    k.snapshot_date,
    k.run_id
FROM keys k
JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = k.snapshot_date AND a.run_id = k.run_id AND a.account_id = k.account_id
LEFT JOIN key_last_used u ON u.snapshot_date = k.snapshot_date AND u.run_id = k.run_id AND u.key_arn = k.key_arn
WHERE k.state IN ('PendingDeletion', 'PendingReplicaDeletion')
    OR k.metadata_status IN ('denied', 'failed')
