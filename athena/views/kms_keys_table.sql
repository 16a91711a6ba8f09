-- Who is named in which key's policy, and what is of concern about it? One row per key, statement and principal. A key whose policy is empty, could not be read or was not understood has one row, and policystatus says which. keyid is the ARN of a multi-Region key, whose id its Regions share.
CREATE OR REPLACE VIEW kms_keys_table AS
SELECT
    -- The Regions of a multi-Region key share its id: its ARN tells them apart where queries of the AWS workshop join on keyid.
    CASE WHEN k.key_id LIKE 'mrk-%' THEN k.key_arn ELSE k.key_id END AS keyid,
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
    CASE WHEN k.policy_error IS NOT NULL THEN 'not_understood' ELSE k.policy_status END AS policystatus,
    k.snapshot_date,
    k.run_id
FROM keys k
JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
LEFT JOIN policy_statements s ON s.snapshot_date = k.snapshot_date AND s.run_id = k.run_id AND s.key_arn = k.key_arn
