-- Who was denied, or failed to use a key, day by day and most often first: somebody who tries doors, or an application that lost its key?
WITH calls AS (
    SELECT *
    FROM "kms_insights_database".key_usage_daily
    -- From this day to that.
    WHERE event_date BETWEEN CAST(date_add('day', -30, current_date) AS varchar) AND CAST(current_date AS varchar)
)
SELECT c.event_date, c.principal, c.key_arn, c.event_name, c.invoked_by, sum(c.errors) AS errors, sum(c.uses) AS uses, max(c.last_at) AS last_at
FROM calls AS c
GROUP BY c.event_date, c.principal, c.key_arn, c.event_name, c.invoked_by
HAVING sum(c.errors) > 0
ORDER BY errors DESC, c.event_date, c.principal, c.key_arn, c.event_name, c.invoked_by
