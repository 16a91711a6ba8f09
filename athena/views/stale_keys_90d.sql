-- Which customer managed keys were used once, and are known not to have been used in the 90 days before the snapshot? last_used_at is the last use that is recorded, evidence says by whom, and unused_since is from when on there was none for certain. A key of which nobody can tell that is not listed, however old its last known use. set_last_used_at is the last use of a multi-Region key in any Region. Keys that are to be deleted are not listed.
CREATE OR REPLACE VIEW stale_keys_90d AS
SELECT
    k.key_arn,
    k.key_id,
    k.account_id,
    a.name AS account_name,
    k.region,
    array_join(k.aliases, ', ') AS aliases,
    k.description,
    k.state,
    u.last_used_at,
    u.operation AS last_used_operation,
    u.evidence,
    u.unused_since,
    m.set_last_used_at,
    date_diff('day', CAST(u.last_used_at AS date), CAST(r.finished_at AS date)) AS days_since_last_use,
    k.grant_count,
    k.monthly_cost_usd,
    k.snapshot_date,
    k.run_id
FROM keys k
JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
JOIN key_last_used u ON u.snapshot_date = k.snapshot_date AND u.run_id = k.run_id AND u.key_arn = k.key_arn
LEFT JOIN accounts a ON a.snapshot_date = k.snapshot_date AND a.run_id = k.run_id AND a.account_id = k.account_id
LEFT JOIN (
    SELECT x.run_id, x.account_id, x.key_id, max(x.last_used_at) AS set_last_used_at
    FROM key_last_used x
    JOIN latest_run l ON x.snapshot_date = l.snapshot_date AND x.run_id = l.run_id
    WHERE x.key_id LIKE 'mrk-%'
    GROUP BY x.run_id, x.account_id, x.key_id
) m ON m.run_id = k.run_id AND m.account_id = k.account_id AND m.key_id = k.key_id
WHERE COALESCE(k.manager, 'CUSTOMER') = 'CUSTOMER'
    AND COALESCE(k.state, 'Enabled') NOT IN ('PendingDeletion', 'PendingReplicaDeletion')
    AND u.verdict = 'used'
    AND u.unused_since < date_add('day', -90, r.started_at)
