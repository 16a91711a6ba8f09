-- What is there to know about each key? One row per key with the columns that are asked for most. Of its findings, those that somebody puts up with until the day of the run or longer are counted apart, as waived_findings. days_since_last_use counts from the last use that is known. unused_since is from when on there was none for certain, null where nobody can tell. facts_lacking names what could not be read.
CREATE OR REPLACE VIEW key_overview AS
SELECT
    k.key_arn,
    k.key_id,
    k.account_id,
    a.name AS account_name,
    a.ou_path,
    k.region,
    array_join(k.aliases, ', ') AS aliases,
    k.description,
    k.manager,
    k.state,
    k.spec,
    k.usage,
    k.origin,
    k.multi_region_type,
    k.created_at,
    date_diff('day', CAST(k.created_at AS date), CAST(r.finished_at AS date)) AS age_days,
    k.deletion_date,
    k.valid_to,
    k.rotation_enabled,
    k.rotation_count,
    k.last_rotated_at,
    u.verdict AS usage_verdict,
    u.last_used_at,
    u.operation AS last_used_operation,
    date_diff('day', CAST(u.last_used_at AS date), CAST(r.finished_at AS date)) AS days_since_last_use,
    u.unused_since,
    k.concern,
    k.outside_account,
    k.outside_organization,
    k.public,
    COALESCE(f.findings, 0) AS findings,
    COALESCE(f.waived, 0) AS waived_findings,
    CASE f.worst
        WHEN 5 THEN 'critical'
        WHEN 4 THEN 'high'
        WHEN 3 THEN 'medium'
        WHEN 2 THEN 'low'
        WHEN 1 THEN 'info'
    END AS worst_severity,
    k.grant_count,
    k.monthly_cost_usd,
    NULLIF(
        concat_ws(
            ', ',
            CASE WHEN k.metadata_status IN ('denied', 'failed') THEN 'metadata' END,
            CASE WHEN k.aliases_status IN ('denied', 'failed') THEN 'aliases' END,
            CASE WHEN k.custom_key_store_id IS NOT NULL AND k.custom_key_store_status IN ('denied', 'failed') THEN 'custom_key_store' END,
            CASE WHEN k.policy_status IN ('denied', 'failed') THEN 'policy' END,
            CASE WHEN k.ram_policy_status IN ('denied', 'failed') THEN 'ram_policy' END,
            CASE WHEN k.grants_status IN ('denied', 'failed') THEN 'grants' END,
            CASE WHEN k.tags_status IN ('denied', 'failed') THEN 'tags' END,
            CASE WHEN k.rotation_status IN ('denied', 'failed') THEN 'rotation' END,
            CASE WHEN k.rotations_status IN ('denied', 'failed') THEN 'rotations' END,
            CASE WHEN k.last_usage_status IN ('denied', 'failed') THEN 'last_usage' END
        ),
        ''
    ) AS facts_lacking,
    k.snapshot_date,
    k.run_id
FROM keys k
JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = k.snapshot_date AND a.run_id = k.run_id AND a.account_id = k.account_id
LEFT JOIN key_last_used u ON u.snapshot_date = k.snapshot_date AND u.run_id = k.run_id AND u.key_arn = k.key_arn
LEFT JOIN (
    SELECT
        g.snapshot_date,
        g.run_id,
        g.key_arn,
        count(CASE WHEN NOT g.waived THEN 1 END) AS findings,
        count(CASE WHEN g.waived THEN 1 END) AS waived,
        max(
            CASE
                WHEN g.waived THEN NULL
                WHEN g.severity = 'critical' THEN 5
                WHEN g.severity = 'high' THEN 4
                WHEN g.severity = 'medium' THEN 3
                WHEN g.severity = 'low' THEN 2
                ELSE 1
            END
        ) AS worst
    FROM (
        -- As of the day of the run, as findings.md has it: what a run said does not change with the day on which it is looked at.
        SELECT i.snapshot_date, i.run_id, i.key_arn, i.severity, COALESCE(i.waived_until >= CAST(CAST(l.finished_at AS date) AS varchar), false) AS waived
        FROM findings i
        JOIN latest_run l ON i.snapshot_date = l.snapshot_date AND i.run_id = l.run_id
    ) g
    GROUP BY g.snapshot_date, g.run_id, g.key_arn
) f ON f.snapshot_date = k.snapshot_date AND f.run_id = k.run_id AND f.key_arn = k.key_arn
