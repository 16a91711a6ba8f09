-- For which customer managed keys is no use recorded, and is that proof? verdict is never_used where the records cover the key's whole life, else unknown. reason says why, and evidence who says so. unused_since is from when on it is known that the key was not used, null where nobody can tell. set_last_used_at is the last use of a multi-Region key in any Region. Keys that are to be deleted are not listed.
CREATE OR REPLACE VIEW unused_keys AS
SELECT
    k.key_arn,
    k.key_id,
    k.account_id,
    a.name AS account_name,
    k.region,
    array_join(k.aliases, ', ') AS aliases,
    k.description,
    k.state,
    k.created_at,
    COALESCE(u.verdict, 'unknown') AS verdict,
    CASE WHEN u.key_arn IS NULL THEN 'last usage was not read' ELSE u.reason END AS reason,
    u.evidence,
    u.unused_since,
    m.set_last_used_at,
    u.tracking_started_at,
    k.grant_count,
    k.monthly_cost_usd,
    k.snapshot_date,
    k.run_id
FROM keys k
JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = k.snapshot_date AND a.run_id = k.run_id AND a.account_id = k.account_id
LEFT JOIN key_last_used u ON u.snapshot_date = k.snapshot_date AND u.run_id = k.run_id AND u.key_arn = k.key_arn
LEFT JOIN (
    SELECT x.run_id, x.account_id, x.key_id, max(x.last_used_at) AS set_last_used_at
    FROM key_last_used x
    JOIN latest_run l ON x.snapshot_date = l.snapshot_date AND x.run_id = l.run_id
    WHERE x.key_id LIKE 'mrk-%'
    GROUP BY x.run_id, x.account_id, x.key_id
) m ON m.run_id = k.run_id AND m.account_id = k.account_id AND m.key_id = k.key_id
WHERE COALESCE(k.manager, 'CUSTOMER') = 'CUSTOMER'
    AND COALESCE(k.state, 'Enabled') NOT IN ('PendingDeletion', 'PendingReplicaDeletion')
    AND COALESCE(u.verdict, 'unknown') IN ('never_used', 'unknown')
