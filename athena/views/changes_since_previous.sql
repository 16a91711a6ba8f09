-- What changed between the previous run of an organization and the one that the views show, which compared_runs names? Keys, grants and findings that appeared or went, what changed about keys that both runs could read, and findings of both runs whose severity rose or fell, or whose waiver began, ended or changed. A finding or grant on a key that appeared or went goes with it. not_read means that the later run could not look, or was not to, and first_read the same of the earlier run. For a finding and its severity, that is so where a fact that its rule rests on was not read.
CREATE OR REPLACE VIEW changes_since_previous AS
-- What WITH names, Trino and Athena plan anew wherever it is asked, and a query of theirs may have 150 stages: so each of these is asked as seldom as can be.
WITH run_keys AS (
    SELECT
        r.side,
        r.organization,
        r.earlier_started_at,
        k.key_arn,
        k.key_id,
        k.account_id,
        k.region,
        k.created_at,
        k.manager,
        k.state,
        CAST(k.rotation_enabled AS varchar) AS rotation_enabled,
        array_join(k.aliases, ', ') AS aliases,
        k.policy,
        k.policy_status,
        k.multi_region_primary_arn,
        k.multi_region_replica_arns,
        o.run_id IS NULL AS organization_read,
        -- What was not read, as findings name what they rest on.
        ARRAY[
            CASE WHEN k.metadata_status IN ('denied', 'failed') THEN 'metadata' END,
            CASE WHEN k.policy_status IN ('denied', 'failed') OR k.ram_policy_status IN ('denied', 'failed') OR k.policy_error IS NOT NULL THEN 'policies' END,
            CASE WHEN k.grants_status IN ('denied', 'failed') THEN 'grants' END,
            CASE WHEN k.last_usage_status IN ('denied', 'failed') THEN 'last_usage' END,
            CASE WHEN k.aliases_status IN ('denied', 'failed') THEN 'aliases' END,
            CASE WHEN k.tags_status IN ('denied', 'failed') THEN 'tags' END,
            CASE WHEN k.rotation_status IN ('denied', 'failed') OR k.rotations_status IN ('denied', 'failed') THEN 'rotation' END,
            CASE WHEN o.run_id IS NOT NULL THEN 'organization' END
        ] AS unread
    FROM keys k
    JOIN compared_runs r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
    -- Runs that could not tell which accounts belong to the organization.
    LEFT JOIN (
        SELECT DISTINCT e.snapshot_date, e.run_id
        FROM collection_errors e
        WHERE e.fact = 'organization' AND e.operation IN ('organizations:DescribeOrganization', 'organizations:ListAccounts')
    ) o ON o.snapshot_date = k.snapshot_date AND o.run_id = k.run_id
),
-- Of sets of multi-Region keys: those whose policy only one of the two runs could read, by which one that was, and '' in place of the others. What neither could read was never compared.
half_read AS (
    SELECT
        o.organization,
        o.account_id,
        o.key_id,
        count(CASE WHEN o.side = 'later' THEN 1 END) AS only_later,
        count(CASE WHEN o.side = 'earlier' THEN 1 END) AS only_earlier,
        array_agg(CASE WHEN o.side = 'later' THEN o.key_arn ELSE '' END) AS arns_only_later,
        array_agg(CASE WHEN o.side = 'earlier' THEN o.key_arn ELSE '' END) AS arns_only_earlier
    FROM (
        SELECT r.organization, k.account_id, k.key_id, k.key_arn, min(r.side) AS side
        FROM keys k
        JOIN compared_runs r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
        WHERE k.key_id LIKE 'mrk-%' AND k.policy_status NOT IN ('denied', 'failed') AND k.policy_error IS NULL
        GROUP BY r.organization, k.account_id, k.key_id, k.key_arn
        HAVING count(*) = 1
    ) o
    GROUP BY o.organization, o.account_id, o.key_id
),
-- What of the earlier run's accounts the later one read: '*' where what it could not read was no single Region.
read_accounts AS (
    SELECT r.organization, a.account_id, a.regions, r.customer_managed_only, COALESCE(u.regions, ARRAY['']) AS unread_regions
    FROM accounts a
    JOIN compared_runs r ON a.snapshot_date = r.snapshot_date AND a.run_id = r.run_id
    LEFT JOIN (
        SELECT e.snapshot_date, e.run_id, e.account_id, array_agg(COALESCE(e.region, '*')) AS regions
        FROM collection_errors e
        WHERE e.key_arn IS NULL AND e.fact IN ('key_listing', 'access', 'account')
        GROUP BY e.snapshot_date, e.run_id, e.account_id
    ) u ON u.snapshot_date = a.snapshot_date AND u.run_id = a.run_id AND u.account_id = a.account_id
    WHERE r.side = 'later' AND a.outcome IN ('complete', 'partial')
),
-- Each key with what both runs say of it.
both_keys AS (
    SELECT
        COALESCE(n.organization, b.organization) AS organization,
        COALESCE(n.earlier_started_at, b.earlier_started_at) AS earlier_started_at,
        COALESCE(n.key_arn, b.key_arn) AS key_arn,
        COALESCE(n.account_id, b.account_id) AS account_id,
        COALESCE(n.region, b.region) AS region,
        CASE
            WHEN n.key_arn IS NOT NULL AND b.key_arn IS NOT NULL THEN NULL
            WHEN b.key_arn IS NULL AND n.created_at >= n.earlier_started_at THEN 'appeared'
            WHEN b.key_arn IS NULL THEN 'first_read'
            WHEN a.account_id IS NULL OR contains(a.unread_regions, b.region) OR contains(a.unread_regions, '*') THEN 'not_read'
            WHEN NOT contains(a.regions, b.region) THEN 'not_read'
            WHEN a.customer_managed_only AND COALESCE(b.manager, 'AWS') = 'AWS' THEN 'not_read'
            ELSE 'gone'
        END AS change,
        b.state AS state_before,
        n.state AS state_now,
        b.rotation_enabled AS rotation_before,
        n.rotation_enabled AS rotation_now,
        b.aliases AS aliases_before,
        n.aliases AS aliases_now,
        b.policy AS policy_before,
        n.policy AS policy_now,
        b.policy_status AS policy_status_before,
        n.policy_status AS policy_status_now,
        b.organization_read AS organization_read_before,
        n.organization_read AS organization_read_now,
        -- One run compared more of a set than the other, unless what that one lacks belongs to the set no more, as far as the key tells.
        b.unread || ARRAY[
            CASE
                WHEN h.only_later > 0
                    AND COALESCE(
                        contains(h.arns_only_later, b.key_arn)
                            OR contains(h.arns_only_later, b.multi_region_primary_arn)
                            OR arrays_overlap(h.arns_only_later, b.multi_region_replica_arns),
                        true
                    ) THEN 'replica_policies'
            END
        ] AS unread_before,
        n.unread || ARRAY[
            CASE
                WHEN h.only_earlier > 0
                    AND COALESCE(
                        contains(h.arns_only_earlier, n.key_arn)
                            OR contains(h.arns_only_earlier, n.multi_region_primary_arn)
                            OR arrays_overlap(h.arns_only_earlier, n.multi_region_replica_arns),
                        true
                    ) THEN 'replica_policies'
            END
        ] AS unread_now
    FROM (SELECT * FROM run_keys WHERE side = 'later') n
    FULL OUTER JOIN (SELECT * FROM run_keys WHERE side = 'earlier') b ON b.organization = n.organization AND b.key_arn = n.key_arn
    LEFT JOIN half_read h
        ON h.organization = COALESCE(n.organization, b.organization)
        AND h.account_id = COALESCE(n.account_id, b.account_id)
        AND h.key_id = COALESCE(n.key_id, b.key_id)
    LEFT JOIN read_accounts a ON a.organization = b.organization AND a.account_id = b.account_id
),
run_findings AS (
    SELECT
        r.side,
        r.organization,
        f.finding_id,
        f.key_arn,
        f.rule,
        concat(f.rule, ': ', f.title) AS told,
        f.severity,
        CASE f.severity WHEN 'critical' THEN 5 WHEN 'high' THEN 4 WHEN 'medium' THEN 3 WHEN 'low' THEN 2 ELSE 1 END AS weight,
        concat('until ', f.waived_until, ': ', f.waiver_reason) AS waiver,
        f.rests_on
    FROM findings f
    JOIN compared_runs r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id
),
run_grants AS (
    SELECT
        r.side,
        r.organization,
        g.key_arn,
        g.grant_id,
        g.created_at,
        concat(COALESCE(g.grantee_principal, 'nobody named'), ': ', array_join(g.operations, ', ')) AS told
    FROM grants g
    JOIN compared_runs r ON g.snapshot_date = r.snapshot_date AND g.run_id = r.run_id
),
-- Findings and grants that the two runs do not tell alike.
on_keys AS (
    SELECT
        COALESCE(n.organization, b.organization) AS organization,
        COALESCE(n.key_arn, b.key_arn) AS key_arn,
        s.subject,
        COALESCE(n.finding_id, b.finding_id) AS finding_id,
        COALESCE(n.rule, b.rule) AS rule,
        CAST(NULL AS varchar) AS grant_id,
        CAST(NULL AS timestamp) AS made_at,
        n.finding_id IS NOT NULL AS is_now,
        b.finding_id IS NOT NULL AS was_before,
        n.rests_on AS rests_on_now,
        b.rests_on AS rests_on_before,
        n.weight > b.weight AS rose,
        CASE s.subject WHEN 'finding' THEN b.told WHEN 'severity' THEN b.severity ELSE b.waiver END AS value_before,
        CASE s.subject WHEN 'finding' THEN n.told WHEN 'severity' THEN n.severity ELSE n.waiver END AS value_now
    FROM (SELECT * FROM run_findings WHERE side = 'later') n
    FULL OUTER JOIN (SELECT * FROM run_findings WHERE side = 'earlier') b
        ON b.organization = n.organization AND b.key_arn = n.key_arn AND b.finding_id = n.finding_id
    CROSS JOIN (VALUES ('finding'), ('severity'), ('waiver')) AS s (subject)
    WHERE CASE s.subject
        WHEN 'finding' THEN n.finding_id IS NULL OR b.finding_id IS NULL
        WHEN 'severity' THEN n.severity <> b.severity
        ELSE n.finding_id IS NOT NULL AND b.finding_id IS NOT NULL AND COALESCE(n.waiver, '') <> COALESCE(b.waiver, '')
    END
    UNION ALL
    SELECT
        COALESCE(n.organization, b.organization),
        COALESCE(n.key_arn, b.key_arn),
        'grant',
        NULL,
        NULL,
        COALESCE(n.grant_id, b.grant_id),
        n.created_at,
        n.grant_id IS NOT NULL,
        b.grant_id IS NOT NULL,
        ARRAY['grants'],
        ARRAY['grants'],
        NULL,
        b.told,
        n.told
    FROM (SELECT * FROM run_grants WHERE side = 'later') n
    FULL OUTER JOIN (SELECT * FROM run_grants WHERE side = 'earlier') b
        ON b.organization = n.organization AND b.key_arn = n.key_arn AND b.grant_id = n.grant_id
    WHERE n.grant_id IS NULL OR b.grant_id IS NULL
)
SELECT
    k.key_arn,
    k.account_id,
    k.region,
    COALESCE(t.subject, k.subject) AS subject,
    t.finding_id,
    t.rule,
    CASE
        WHEN k.subject = 'key' THEN k.change
        WHEN t.subject IS NULL THEN 'changed'
        WHEN t.subject = 'waiver' AND t.value_before IS NULL THEN 'began'
        WHEN t.subject = 'waiver' AND t.value_now IS NULL THEN 'ended'
        WHEN t.subject = 'waiver' THEN 'changed'
        WHEN t.made_at >= k.earlier_started_at THEN 'appeared'
        WHEN k.change IS NOT NULL THEN k.change
        WHEN t.was_before AND COALESCE(arrays_overlap(t.rests_on_now, k.unread_now) OR arrays_overlap(t.rests_on_before, k.unread_now), false) THEN 'not_read'
        -- How bad it is that somebody comes in may hang on where the organization ends, though that he does is known without it.
        WHEN t.is_now AND t.was_before AND k.organization_read_before AND NOT k.organization_read_now
            AND arrays_overlap(t.rests_on_now, ARRAY['policies', 'grants']) THEN 'not_read'
        WHEN t.is_now AND COALESCE(arrays_overlap(t.rests_on_now, k.unread_before) OR arrays_overlap(t.rests_on_before, k.unread_before), false) THEN 'first_read'
        WHEN t.is_now AND t.was_before AND k.organization_read_now AND NOT k.organization_read_before
            AND arrays_overlap(t.rests_on_now, ARRAY['policies', 'grants']) THEN 'first_read'
        WHEN t.is_now AND t.was_before AND t.rose THEN 'rose'
        WHEN t.is_now AND t.was_before THEN 'fell'
        WHEN t.is_now THEN 'appeared'
        ELSE 'gone'
    END AS change,
    COALESCE(t.value_before, k.value_before) AS value_before,
    COALESCE(t.value_now, k.value_now) AS value_now,
    t.grant_id
FROM (
    -- What differs alone goes on from here: of a key on which something may differ, no policy.
    SELECT
        b.organization,
        b.earlier_started_at,
        b.key_arn,
        b.account_id,
        b.region,
        b.change,
        b.organization_read_before,
        b.organization_read_now,
        b.unread_before,
        b.unread_now,
        s.subject,
        CASE s.subject
            WHEN 'key' THEN b.state_before
            WHEN 'state' THEN b.state_before
            WHEN 'rotation_enabled' THEN b.rotation_before
            WHEN 'aliases' THEN b.aliases_before
            WHEN 'policy' THEN b.policy_before
            WHEN 'policy_status' THEN b.policy_status_before
        END AS value_before,
        CASE s.subject
            WHEN 'key' THEN b.state_now
            WHEN 'state' THEN b.state_now
            WHEN 'rotation_enabled' THEN b.rotation_now
            WHEN 'aliases' THEN b.aliases_now
            WHEN 'policy' THEN b.policy_now
            WHEN 'policy_status' THEN b.policy_status_now
        END AS value_now
    FROM both_keys b
    CROSS JOIN (VALUES ('key'), ('state'), ('rotation_enabled'), ('aliases'), ('policy'), ('policy_status'), ('on the key')) AS s (subject)
    WHERE CASE s.subject
        WHEN 'key' THEN b.change IS NOT NULL
        WHEN 'state' THEN b.state_before <> b.state_now
        WHEN 'rotation_enabled' THEN b.rotation_before <> b.rotation_now
        WHEN 'aliases' THEN b.aliases_before <> b.aliases_now
        WHEN 'policy' THEN b.policy_before <> b.policy_now
        WHEN 'policy_status' THEN b.policy_status_before <> b.policy_status_now
        ELSE true
    END
) k
LEFT JOIN (SELECT o.*, 'on the key' AS place FROM on_keys o) t ON t.place = k.subject AND t.organization = k.organization AND t.key_arn = k.key_arn
WHERE k.subject <> 'on the key' OR t.subject IS NOT NULL
