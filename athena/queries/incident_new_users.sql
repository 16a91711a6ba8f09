-- Who used a key in the last days that had not used it before, as far back as the log files tell?
WITH parameters AS (
    -- The first of the last days.
    SELECT CAST(date_add('day', -2, current_date) AS varchar) AS first_day
),
calls AS (
    SELECT *
    FROM "kms_insights_database".key_usage_daily
    -- Since when it is looked for earlier uses.
    WHERE event_date >= CAST(date_add('day', -90, current_date) AS varchar)
)
SELECT c.key_arn, c.principal, min(c.first_at) AS first_at, sum(c.uses) AS uses, count(DISTINCT c.resource) AS resources
FROM calls AS c
CROSS JOIN parameters AS p
WHERE c.uses > 0
GROUP BY c.key_arn, c.principal, p.first_day
HAVING min(c.event_date) >= p.first_day
ORDER BY first_at DESC, c.key_arn, c.principal
