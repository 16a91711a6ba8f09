-- Which keys did a principal use, and on what: what did whoever took over its credentials get at?
WITH parameters AS (
    -- The principal's ARN, never a session's, or a pattern of it such as 'arn:aws:iam::111122223333:role/%'.
    SELECT '%' AS principal
),
calls AS (
    SELECT *
    FROM "kms_insights_database".key_usage_daily
    -- From this day to that.
    WHERE event_date BETWEEN CAST(date_add('day', -30, current_date) AS varchar) AND CAST(current_date AS varchar)
)
SELECT
    c.principal,
    c.account_id,
    c.key_arn,
    k.aliases,
    c.event_name,
    c.resource,
    sum(c.uses) AS uses,
    sum(c.errors) AS errors,
    min(c.first_at) AS first_at,
    max(c.last_at) AS last_at
FROM calls AS c
CROSS JOIN parameters AS p
LEFT JOIN "kms_insights_database".key_overview AS k ON k.key_arn = c.key_arn
WHERE c.principal LIKE p.principal
GROUP BY c.principal, c.account_id, c.key_arn, k.aliases, c.event_name, c.resource
ORDER BY c.principal, last_at DESC, c.key_arn, c.event_name, c.resource
