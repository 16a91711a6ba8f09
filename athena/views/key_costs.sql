-- What does each key cost a month, by itself and requests apart, and would that go with the key? base_cost_usd is the key's own fee, and rotation_cost_usd the surcharge for its first two rotations. Both are null where the price is not known. cost_status is known, assumed (a replica with a surcharge, of which AWS does not say that replicas bear it) or unknown. saving_reason is why the key looks unneeded, the first that holds, null where it is in use, costs nothing by nature or is on its way out already. saving_certainty is recorded where the records prove it, for a multi-Region key in all its Regions: an old use proves nothing unless it is known that there was none since.
CREATE OR REPLACE VIEW key_costs AS
SELECT
    c.key_arn,
    c.key_id,
    c.account_id,
    a.name AS account_name,
    c.region,
    c.aliases,
    c.description,
    c.manager,
    c.state,
    c.multi_region_type,
    c.created_at,
    c.rotation_count,
    CASE WHEN c.monthly_cost_usd > 0 THEN 1.0 ELSE c.monthly_cost_usd END AS base_cost_usd,
    CASE WHEN c.monthly_cost_usd > 0 THEN c.monthly_cost_usd - 1.0 ELSE c.monthly_cost_usd END AS rotation_cost_usd,
    c.monthly_cost_usd,
    CASE
        WHEN c.monthly_cost_usd IS NULL THEN 'unknown'
        WHEN c.multi_region_type = 'REPLICA' AND c.monthly_cost_usd > 1.0 THEN 'assumed'
        ELSE 'known'
    END AS cost_status,
    c.verdict AS usage_verdict,
    c.last_used_at,
    c.unused_since,
    c.saving_reason,
    CASE WHEN c.saving_reason IS NOT NULL THEN c.certainty END AS saving_certainty,
    c.tags,
    c.tags_status,
    c.snapshot_date,
    c.run_id
FROM (
    SELECT
        k.key_arn,
        k.key_id,
        k.account_id,
        k.region,
        array_join(k.aliases, ', ') AS aliases,
        k.description,
        k.manager,
        k.state,
        k.multi_region_type,
        k.created_at,
        k.rotation_count,
        k.monthly_cost_usd,
        k.tags,
        k.tags_status,
        u.verdict,
        u.last_used_at,
        u.unused_since,
        CASE
            WHEN k.manager = 'AWS' OR k.state IN ('PendingDeletion', 'PendingReplicaDeletion') THEN NULL
            WHEN u.last_used_at >= date_add('day', -90, r.started_at) THEN NULL
            WHEN u.verdict = 'used' AND u.last_used_at IS NULL THEN 'used, but it is not known when'
            WHEN m.set_last_used_at >= date_add('day', -90, r.started_at) THEN 'unused here, used in another Region'
            WHEN u.verdict = 'used' AND u.unused_since < date_add('day', -90, r.started_at) THEN 'not used for 90 days'
            WHEN u.verdict = 'used' THEN 'the last known use is long ago, and there may be a later one'
            WHEN COALESCE(u.status, 'failed') IN ('denied', 'failed') AND COALESCE(u.verdict, 'unknown') = 'unknown' THEN 'the last use could not be read'
            WHEN COALESCE(k.created_at, u.key_created_at) >= date_add('day', -90, r.started_at) THEN 'new, not used yet'
            WHEN u.verdict = 'never_used' THEN 'never used'
            WHEN k.state = 'Disabled' AND u.unused_since < date_add('day', -90, r.started_at) THEN 'disabled'
            ELSE 'no use recorded, but the records do not cover the life of the key'
        END AS saving_reason,
        CASE
            WHEN u.verdict = 'used' AND u.last_used_at IS NULL THEN 'unknown'
            WHEN m.set_last_used_at >= date_add('day', -90, r.started_at) THEN 'unknown'
            -- Where a multi-Region key's own Region did not tell its replicas, others may be in use.
            WHEN k.key_id LIKE 'mrk-%' AND k.multi_region_replica_arns IS NULL THEN 'unknown'
            WHEN m.keys_unknown > 0 OR m.other_keys < cardinality(k.multi_region_replica_arns) THEN 'unknown'
            WHEN COALESCE(k.created_at, u.key_created_at) >= date_add('day', -90, r.started_at) THEN 'unknown'
            WHEN u.verdict = 'never_used' THEN 'recorded'
            WHEN (u.verdict = 'used' OR k.state = 'Disabled') AND u.unused_since < date_add('day', -90, r.started_at) THEN 'recorded'
            ELSE 'unknown'
        END AS certainty,
        k.snapshot_date,
        k.run_id
    FROM keys k
    JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
    LEFT JOIN key_last_used u ON u.snapshot_date = k.snapshot_date AND u.run_id = k.run_id AND u.key_arn = k.key_arn
    LEFT JOIN (
        SELECT
            x.run_id,
            x.account_id,
            x.key_id,
            max(x.last_used_at) AS set_last_used_at,
            sum(
                CASE
                    WHEN x.verdict = 'never_used' THEN 0
                    WHEN x.verdict = 'used' AND x.unused_since < date_add('day', -90, l.started_at) THEN 0
                    ELSE 1
                END
            ) AS keys_unknown,
            count(*) - 1 AS other_keys
        FROM key_last_used x
        JOIN latest_run l ON x.snapshot_date = l.snapshot_date AND x.run_id = l.run_id
        WHERE x.key_id LIKE 'mrk-%'
        GROUP BY x.run_id, x.account_id, x.key_id
    ) m ON m.run_id = k.run_id AND m.account_id = k.account_id AND m.key_id = k.key_id
) c
LEFT JOIN accounts a ON a.snapshot_date = c.snapshot_date AND a.run_id = c.run_id AND a.account_id = c.account_id
