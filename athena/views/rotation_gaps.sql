-- Which customer managed keys with key material that KMS could rotate are not rotated at least once a year, or is that not known? A key that was rotated on demand within the last year is not listed.
CREATE OR REPLACE VIEW rotation_gaps AS
SELECT
    k.key_arn,
    k.key_id,
    k.account_id,
    a.name AS account_name,
    k.region,
    array_join(k.aliases, ', ') AS aliases,
    k.description,
    k.state,
    k.origin,
    k.created_at,
    date_diff('day', CAST(k.created_at AS date), CAST(r.finished_at AS date)) AS age_days,
    k.rotation_enabled,
    k.rotation_period_days,
    k.last_rotated_at,
    k.rotation_count,
    CASE
        WHEN k.rotation_status IN ('denied', 'failed') THEN 'unknown: the rotation status could not be read'
        WHEN k.rotation_enabled = false AND k.rotations_status IN ('denied', 'failed') THEN 'unknown: rotations not read'
        WHEN k.rotation_enabled THEN 'automatic rotation takes longer than a year'
        WHEN k.origin = 'EXTERNAL' THEN 'imported key material: rotation on demand only'
        ELSE 'automatic rotation is off'
    END AS gap,
    k.snapshot_date,
    k.run_id
FROM keys k
JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = k.snapshot_date AND a.run_id = k.run_id AND a.account_id = k.account_id
WHERE COALESCE(k.manager, 'CUSTOMER') = 'CUSTOMER'
    AND COALESCE(k.state, 'Enabled') NOT IN ('PendingDeletion', 'PendingReplicaDeletion')
    AND (
        k.rotation_status IN ('denied', 'failed')
        OR (
            k.rotation_status = 'observed'
            AND (
                (k.rotation_enabled = false AND COALESCE(k.last_rotated_at < date_add('day', -366, r.started_at), true))
                OR k.rotation_period_days > 366
            )
        )
    )
