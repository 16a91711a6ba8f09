-- How many findings of each severity has each account, and on how many of its keys?
SELECT
    k.account_id,
    k.account_name,
    count(*) AS keys,
    count(CASE WHEN k.findings > 0 THEN 1 END) AS keys_with_findings,
    count(CASE WHEN k.worst_severity = 'critical' THEN 1 END) AS keys_at_worst_critical,
    count(CASE WHEN k.worst_severity = 'high' THEN 1 END) AS keys_at_worst_high,
    sum(k.findings) AS findings,
    sum(k.waived_findings) AS waived_findings,
    count(k.facts_lacking) AS keys_not_read_whole
FROM "kms_insights_database".key_overview AS k
GROUP BY k.account_id, k.account_name
ORDER BY keys_at_worst_critical DESC, keys_at_worst_high DESC, k.account_id
