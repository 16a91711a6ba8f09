-- Which keys are about to be gone for good, how many days are left to cancel that, and does anybody still try to use them? last_used_at is the last use that is known, and unused_since is from when on there was none for certain, null where nobody can tell. failed_uses counts the calls on the key that failed since 30 days before the run, the longest that a deletion can have been under way, as the CloudTrail log files of log_days of these days have them: each is an alarm that somebody still needs the key. It is null where none of these days' log files of the key's account and Region were read, and 0 is no proof: files may lack, and what KMS denied to another account is in that account's log alone. last_failed_at is when the last such call was, or the first call of its day where others succeeded after it. A primary that waits for its replicas has no date yet. The state is unknown where it could not be read.
CREATE OR REPLACE VIEW pending_deletion AS
WITH condemned AS (
    SELECT
        k.*,
        CAST(CAST(date_add('day', -30, r.started_at) AS date) AS varchar) AS looked_at_from
    FROM keys k
    JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
    WHERE k.state IN ('PendingDeletion', 'PendingReplicaDeletion')
        OR k.metadata_status IN ('denied', 'failed')
)
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
    CASE WHEN f.failed_uses IS NULL AND g.log_days IS NOT NULL THEN 0 ELSE f.failed_uses END AS failed_uses,
    f.failed_at AS last_failed_at,
    f.principal AS last_failed_by,
    f.event_name AS last_failed_operation,
    f.resource AS last_failed_resource,
    COALESCE(g.log_days, 0) AS log_days,
    k.grant_count,
    k.snapshot_date,
    k.run_id
FROM condemned k
LEFT JOIN accounts a ON a.snapshot_date = k.snapshot_date AND a.run_id = k.run_id AND a.account_id = k.account_id
LEFT JOIN key_last_used u ON u.snapshot_date = k.snapshot_date AND u.run_id = k.run_id AND u.key_arn = k.key_arn
LEFT JOIN (
    SELECT
        e.*,
        sum(e.errors) OVER (PARTITION BY e.run_id, e.key_arn) AS failed_uses,
        row_number() OVER (PARTITION BY e.run_id, e.key_arn ORDER BY e.failed_at DESC, e.principal, e.event_name, e.resource) AS place
    FROM (
        SELECT
            c.run_id,
            c.key_arn,
            d.errors,
            d.principal,
            d.event_name,
            d.resource,
            CASE WHEN d.last_used_at IS NULL OR d.last_at > d.last_used_at THEN d.last_at ELSE d.first_at END AS failed_at
        FROM key_usage_daily d
        JOIN condemned c ON c.key_arn = d.key_arn AND d.event_date >= c.looked_at_from
        WHERE d.errors > 0
    ) e
) f ON f.run_id = k.run_id AND f.key_arn = k.key_arn AND f.place = 1
LEFT JOIN (
    SELECT c.run_id, c.key_arn, count(DISTINCT t.log_date) AS log_days
    FROM trail_files t
    JOIN condemned c ON c.account_id = t.account_id AND c.region = t.region AND t.log_date >= c.looked_at_from
    WHERE t.status = 'read'
    GROUP BY c.run_id, c.key_arn
) g ON g.run_id = k.run_id AND g.key_arn = k.key_arn
