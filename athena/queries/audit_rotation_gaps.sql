-- How many keys of each account are not rotated once a year, why, and how old is the oldest of them?
SELECT g.account_id, g.account_name, g.gap, count(*) AS keys, max(g.age_days) AS oldest_in_days
FROM "kms_insights_database".rotation_gaps AS g
GROUP BY g.account_id, g.account_name, g.gap
ORDER BY keys DESC, g.account_id, g.gap
