-- Who changed a key or who can use it, from where, and did it succeed: policies, grants, state, deletion, as CloudTrail recorded it?
WITH events AS (
    SELECT *
    FROM "kms_insights_database".key_events
    -- From this day to that.
    WHERE event_date BETWEEN CAST(date_add('day', -30, current_date) AS varchar) AND CAST(current_date AS varchar)
)
SELECT e.event_at, e.event_name, e.key_arn, e.principal, e.session_name, e.source_ip_address, e.user_agent, e.error_code, e.event_id
FROM events AS e
WHERE e.event_name <> 'CreateKey'
ORDER BY e.event_at DESC, e.event_id, e.key_arn
