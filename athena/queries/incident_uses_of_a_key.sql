-- Who used a key, when, with which operation and on what, and who tried in vain? Only what the log files that were read tell: trail_files says which.
WITH parameters AS (
    -- The key's ARN, or a pattern of it.
    SELECT '%' AS key_arn
),
calls AS (
    SELECT *
    FROM "kms_insights_database".key_usage_daily
    -- From this day to that.
    WHERE event_date BETWEEN CAST(date_add('day', -30, current_date) AS varchar) AND CAST(current_date AS varchar)
)
SELECT
    c.key_arn,
    c.principal,
    c.event_name,
    c.resource,
    c.invoked_by,
    sum(c.uses) AS uses,
    sum(c.errors) AS errors,
    min(c.first_at) AS first_at,
    max(c.last_at) AS last_at
FROM calls AS c
CROSS JOIN parameters AS p
WHERE c.key_arn LIKE p.key_arn
GROUP BY c.key_arn, c.principal, c.event_name, c.resource, c.invoked_by
ORDER BY last_at DESC, c.key_arn, c.principal, c.event_name, c.resource, c.invoked_by
