-- Who is named in which key's policy, and what is of concern about it? One row per key, statement and principal. A key whose policy is empty or could not be read has one row, and policystatus says which.
CREATE OR REPLACE VIEW kms_keys_table AS
SELECT
    k.key_id AS keyid,
    array_join(k.aliases, ',') AS alias,
    k.account_id AS accountnumber,
    k.region,
    k.key_arn AS keyarn,
    CASE WHEN s.negated_principal THEN 'everyone but ' || s.principal ELSE s.principal END AS principal,
    s.principal_type AS principaltype,
    CASE WHEN s.negated_actions THEN 'all but ' || s.action ELSE s.action END AS action,
    s.effect,
    s.concern,
    k.created_at AS creationdate,
    k.state AS keystate,
    k.manager AS keymanager,
    k.policy_status AS policystatus,
    k.snapshot_date,
    k.run_id
FROM keys k
JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
LEFT JOIN policy_statements s ON s.snapshot_date = k.snapshot_date AND s.run_id = k.run_id AND s.key_arn = k.key_arn
