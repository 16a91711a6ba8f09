-- Which policy statements give everyone, or every action, more than is needed? One row per statement and principal, with the statement as it was written.
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
