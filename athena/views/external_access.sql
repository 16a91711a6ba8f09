-- Which other accounts does a key policy or a grant let in? One row per statement and principal, and one per grant. principal_account_name is known where the account belongs to the organization that was read.
CREATE OR REPLACE VIEW external_access AS
SELECT
    w.key_arn,
    w.key_id,
    w.account_id,
    w.region,
    w.way_in,
    w.source,
    w.principal,
    w.principal_type,
    w.principal_account,
    a.name AS principal_account_name,
    w.actions,
    w.condition,
    w.snapshot_date,
    w.run_id
FROM (
    SELECT
        s.key_arn,
        s.key_id,
        s.account_id,
        s.region,
        'key policy' AS way_in,
        COALESCE(s.sid, concat('statement ', CAST(s.statement_index AS varchar))) AS source,
        CASE WHEN s.negated_principal THEN 'everyone but ' || s.principal ELSE s.principal END AS principal,
        s.principal_type,
        CASE WHEN s.negated_principal THEN NULL WHEN s.principal LIKE 'arn:%' THEN NULLIF(split_part(s.principal, ':', 5), '') WHEN length(s.principal) = 12 THEN s.principal END AS principal_account,
        CASE WHEN s.negated_actions THEN 'all but ' || s.action ELSE s.action END AS actions,
        s.condition,
        s.snapshot_date,
        s.run_id
    FROM policy_statements s
    WHERE s.concern LIKE '%External account%'
    UNION ALL
    SELECT
        g.key_arn,
        g.key_id,
        g.account_id,
        g.region,
        'grant' AS way_in,
        g.grant_id AS source,
        g.grantee_principal AS principal,
        'AWS' AS principal_type,
        split_part(g.grantee_principal, ':', 5) AS principal_account,
        array_join(g.operations, ',') AS actions,
        g.constraints AS condition,
        g.snapshot_date,
        g.run_id
    FROM grants g
    WHERE g.grantee_principal LIKE 'arn:%'
        AND split_part(g.grantee_principal, ':', 5) NOT IN ('', g.account_id)
) w
JOIN latest_run r ON w.snapshot_date = r.snapshot_date AND w.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = w.snapshot_date AND a.run_id = w.run_id AND a.account_id = w.principal_account
