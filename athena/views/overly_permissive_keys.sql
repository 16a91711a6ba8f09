-- Which policy statements give everyone, or every action, more than is needed? One row per statement and principal, with the statement as it was written. A key whose policy could not be read or understood has a row whose concern begins with unknown.
CREATE OR REPLACE VIEW overly_permissive_keys AS
SELECT
    s.key_arn,
    s.key_id,
    s.account_id,
    a.name AS account_name,
    s.region,
    array_join(k.aliases, ', ') AS aliases,
    k.state,
    s.policy_name,
    s.statement_index,
    s.sid,
    s.principal_type,
    s.principal,
    s.negated_principal,
    s.action,
    s.negated_actions,
    s.condition,
    s.concern,
    s.statement,
    s.snapshot_date,
    s.run_id
FROM policy_statements s
JOIN latest_run r ON s.snapshot_date = r.snapshot_date AND s.run_id = r.run_id
JOIN keys k ON k.snapshot_date = s.snapshot_date AND k.run_id = s.run_id AND k.key_arn = s.key_arn
LEFT JOIN accounts a ON a.snapshot_date = s.snapshot_date AND a.run_id = s.run_id AND a.account_id = s.account_id
WHERE s.concern LIKE '%overly permissive%'
UNION ALL
SELECT
    k.key_arn,
    k.key_id,
    k.account_id,
    a.name AS account_name,
    k.region,
    array_join(k.aliases, ', ') AS aliases,
    k.state,
    CAST(NULL AS varchar) AS policy_name,
    CAST(NULL AS integer) AS statement_index,
    CAST(NULL AS varchar) AS sid,
    CAST(NULL AS varchar) AS principal_type,
    CAST(NULL AS varchar) AS principal,
    CAST(NULL AS boolean) AS negated_principal,
    CAST(NULL AS varchar) AS action,
    CAST(NULL AS boolean) AS negated_actions,
    CAST(NULL AS varchar) AS condition,
    CASE WHEN k.policy_error IS NULL THEN 'unknown: a policy could not be read' ELSE 'unknown: a policy was not understood' END AS concern,
    CAST(NULL AS varchar) AS statement,
    k.snapshot_date,
    k.run_id
FROM keys k
JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = k.snapshot_date AND a.run_id = k.run_id AND a.account_id = k.account_id
WHERE k.policy_status IN ('denied', 'failed')
    OR k.ram_policy_status IN ('denied', 'failed')
    OR k.policy_error IS NOT NULL
