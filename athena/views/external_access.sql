-- Who outside the account that owns a key comes in, by its policies or by a grant? One row per way in. way_in is unknown for a key of which source could not be read. trust is organization for those of the key's organization. actions and capabilities are what is left after every Deny, and condition says what must hold of a request.
CREATE OR REPLACE VIEW external_access AS
WITH ways AS (
    SELECT
        a.key_arn,
        a.key_id,
        a.account_id,
        a.region,
        a.cause,
        a.policy_name,
        a.statement_index,
        a.grant_id,
        a.who AS principal,
        a.who_kind AS principal_kind,
        a.who_account AS principal_account,
        a.trust,
        array_join(array_agg(DISTINCT a.capability ORDER BY a.capability), ', ') AS capabilities,
        array_join(array_agg(DISTINCT array_join(a.actions, ',') ORDER BY array_join(a.actions, ',')), ',') AS actions,
        a.fence AS condition,
        array_join(a.on_behalf_of, ', ') AS on_behalf_of,
        a.certainty,
        a.reason,
        a.snapshot_date,
        a.run_id
    FROM key_access a
    JOIN latest_run l ON a.snapshot_date = l.snapshot_date AND a.run_id = l.run_id
    JOIN keys k ON k.snapshot_date = a.snapshot_date AND k.run_id = a.run_id AND k.key_arn = a.key_arn
    -- The key's verdict knows more than its ways: an organization of one account has nobody outside it.
    WHERE k.outside_account <> 'no'
        AND a.kind <> 'intent'
        AND (
            a.trust IN ('organization', 'trusted', 'outside', 'public', 'unknown')
            OR (a.trust = 'aws_service' AND array_join(a.on_behalf_of, ', ') NOT IN ('', a.account_id))
        )
    GROUP BY
        a.key_arn,
        a.key_id,
        a.account_id,
        a.region,
        a.cause,
        a.policy_name,
        a.statement_index,
        a.grant_id,
        a.who,
        a.who_kind,
        a.who_account,
        a.trust,
        a.fence,
        array_join(a.on_behalf_of, ', '),
        a.certainty,
        a.reason,
        a.snapshot_date,
        a.run_id
),
statements AS (
    SELECT DISTINCT s.snapshot_date, s.run_id, s.key_arn, s.policy_name, s.statement_index, s.sid
    FROM policy_statements s
    JOIN latest_run l ON s.snapshot_date = l.snapshot_date AND s.run_id = l.run_id
    WHERE s.sid IS NOT NULL
)
SELECT
    w.key_arn,
    w.key_id,
    w.account_id,
    w.region,
    w.way_in,
    w.source,
    w.policy_name,
    w.statement_index,
    w.principal,
    w.principal_kind,
    w.principal_account,
    a.name AS principal_account_name,
    w.trust,
    w.capabilities,
    w.actions,
    w.condition,
    NULLIF(w.on_behalf_of, '') AS on_behalf_of,
    w.certainty,
    w.reason,
    w.snapshot_date,
    w.run_id
FROM (
    SELECT
        y.key_arn,
        y.key_id,
        y.account_id,
        y.region,
        CASE y.cause WHEN 'grant' THEN 'grant' ELSE 'key policy' END AS way_in,
        CASE
            WHEN y.cause = 'grant' THEN y.grant_id
            ELSE concat(CASE y.policy_name WHEN 'AWS_RAM' THEN 'AWS_RAM: ' ELSE '' END, COALESCE(t.sid, concat('statement ', CAST(y.statement_index AS varchar))))
        END AS source,
        y.policy_name,
        y.statement_index,
        y.principal,
        y.principal_kind,
        y.principal_account,
        y.trust,
        y.capabilities,
        y.actions,
        y.condition,
        y.on_behalf_of,
        CASE WHEN y.trust = 'aws_service' AND y.on_behalf_of = '' THEN 'unknown' ELSE y.certainty END AS certainty,
        CASE WHEN y.trust = 'aws_service' AND y.on_behalf_of = '' THEN 'the account of the resource is not known' ELSE y.reason END AS reason,
        y.snapshot_date,
        y.run_id
    FROM ways y
    LEFT JOIN statements t
        ON t.snapshot_date = y.snapshot_date
        AND t.run_id = y.run_id
        AND t.key_arn = y.key_arn
        AND t.policy_name = y.policy_name
        AND t.statement_index = y.statement_index
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
        CAST(NULL AS varchar) AS policy_name,
        CAST(NULL AS integer) AS statement_index,
        CAST(NULL AS varchar) AS principal,
        CAST(NULL AS varchar) AS principal_kind,
        CAST(NULL AS varchar) AS principal_account,
        'unknown' AS trust,
        CAST(NULL AS varchar) AS capabilities,
        CAST(NULL AS varchar) AS actions,
        CAST(NULL AS varchar) AS condition,
        CAST(NULL AS varchar) AS on_behalf_of,
        'unknown' AS certainty,
        CAST(NULL AS varchar) AS reason,
        k.snapshot_date,
        k.run_id
    FROM keys k
    JOIN latest_run l ON k.snapshot_date = l.snapshot_date AND k.run_id = l.run_id
    WHERE k.policy_status IN ('denied', 'failed')
        OR k.ram_policy_status IN ('denied', 'failed')
        OR k.policy_error IS NOT NULL
        OR k.grants_status IN ('denied', 'failed')
) w
LEFT JOIN accounts a ON a.snapshot_date = w.snapshot_date AND a.run_id = w.run_id AND a.account_id = w.principal_account
