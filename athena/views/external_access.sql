-- Which other accounts does a key policy or a grant let in? One row per statement and principal, and one per grant. way_in is unknown for a key of which source could not be read. principal_account_name is known where the account belongs to the organization that was read.
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
        concat(CASE s.policy_name WHEN 'AWS_RAM' THEN 'AWS_RAM: ' ELSE '' END, COALESCE(s.sid, concat('statement ', CAST(s.statement_index AS varchar)))) AS source,
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
    UNION ALL
    SELECT
        k.key_arn,
        k.key_id,
        k.account_id,
        k.region,
        'unknown' AS way_in,
        concat_ws(
            ', ',
            CASE WHEN k.policy_status IN ('denied', 'failed') THEN 'policy not read' END,
            CASE WHEN k.ram_policy_status IN ('denied', 'failed') THEN 'AWS_RAM policy not read' END,
            CASE WHEN k.policy_error IS NOT NULL THEN 'policy not understood' END,
            CASE WHEN k.grants_status IN ('denied', 'failed') THEN 'grants not read' END
        ) AS source,
        CAST(NULL AS varchar) AS principal,
        CAST(NULL AS varchar) AS principal_type,
        CAST(NULL AS varchar) AS principal_account,
        CAST(NULL AS varchar) AS actions,
        CAST(NULL AS varchar) AS condition,
        k.snapshot_date,
        k.run_id
    FROM keys k
    WHERE k.policy_status IN ('denied', 'failed')
        OR k.ram_policy_status IN ('denied', 'failed')
        OR k.policy_error IS NOT NULL
        OR k.grants_status IN ('denied', 'failed')
) w
JOIN latest_run r ON w.snapshot_date = r.snapshot_date AND w.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = w.snapshot_date AND a.run_id = w.run_id AND a.account_id = w.principal_account
