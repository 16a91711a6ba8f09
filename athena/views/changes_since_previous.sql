-- What changed between the previous run of an organization and the one that the views show? Keys and findings that appeared or went, what changed about keys that both runs could read, and findings of both runs whose severity rose or fell, or whose waiver began, ended or changed. A finding on a key that appeared or went goes with it. not_read means that the later run could not look, or was not to, and first_read the same of the earlier run. For a finding and its severity, that is so where a fact that its rule rests on was not read.
CREATE OR REPLACE VIEW changes_since_previous AS
WITH ranked AS (
    SELECT
        r.run_id,
        r.snapshot_date,
        r.started_at,
        r.customer_managed_only,
        -- Runs without an organization are compared with one another.
        COALESCE(r.organization_id, '') AS organization,
        row_number() OVER (PARTITION BY r.organization_id ORDER BY r.started_at DESC, r.finished_at DESC, r.run_id DESC) AS age
    FROM runs r
    JOIN latest_run l ON l.scope = r.scope AND COALESCE(l.organization_id, '') = COALESCE(r.organization_id, '')
    LEFT JOIN runs c ON c.resumed_from = r.run_id
    WHERE c.run_id IS NULL
),
-- Runs that could not tell which accounts belong to the organization.
alone AS (
    SELECT DISTINCT e.snapshot_date, e.run_id
    FROM collection_errors e
    JOIN ranked r ON e.snapshot_date = r.snapshot_date AND e.run_id = r.run_id
    WHERE e.fact = 'organization' AND e.operation IN ('organizations:DescribeOrganization', 'organizations:ListAccounts')
),
-- Of sets of multi-Region keys: those whose policy only one of the two runs could read, and which run. What neither could read was never compared.
half_read AS (
    SELECT o.organization, o.age, o.account_id, o.key_id, array_agg(o.key_arn) AS key_arns
    FROM (
        SELECT r.organization, k.account_id, k.key_id, k.key_arn, max(r.age) AS age
        FROM keys k
        JOIN ranked r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
        WHERE r.age <= 2 AND k.key_id LIKE 'mrk-%' AND k.policy_status NOT IN ('denied', 'failed') AND k.policy_error IS NULL
        GROUP BY r.organization, k.account_id, k.key_id, k.key_arn
        HAVING count(*) = 1
    ) o
    GROUP BY o.organization, o.age, o.account_id, o.key_id
),
compared_keys AS (
    SELECT
        r.organization,
        r.age,
        k.key_arn,
        k.account_id,
        k.region,
        k.created_at,
        k.manager,
        k.state,
        k.rotation_enabled,
        k.policy,
        k.policy_status,
        array_join(k.aliases, ', ') AS aliases,
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
            CASE WHEN o.run_id IS NOT NULL THEN 'organization' END,
            -- The other run compared more of the set than this one, unless what this one lacks belongs to the set no more, as far as the key tells.
            CASE
                WHEN h.key_arns IS NOT NULL
                    AND COALESCE(
                        contains(h.key_arns, k.key_arn)
                            OR contains(h.key_arns, k.multi_region_primary_arn)
                            OR arrays_overlap(h.key_arns, k.multi_region_replica_arns),
                        true
                    ) THEN 'replica_policies'
            END
        ] AS unread
    FROM keys k
    JOIN ranked r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
    LEFT JOIN alone o ON o.snapshot_date = r.snapshot_date AND o.run_id = r.run_id
    LEFT JOIN half_read h ON h.organization = r.organization AND h.age = 3 - r.age AND h.account_id = k.account_id AND h.key_id = k.key_id
    WHERE r.age <= 2
),
keys_now AS (
    SELECT *
    FROM compared_keys
    WHERE age = 1
),
keys_before AS (
    SELECT *
    FROM compared_keys
    WHERE age = 2
),
compared_findings AS (
    SELECT
        r.organization,
        r.age,
        f.finding_id,
        f.key_arn,
        f.account_id,
        f.region,
        f.rule,
        concat(f.rule, ': ', f.title) AS told,
        f.severity,
        CASE f.severity WHEN 'critical' THEN 5 WHEN 'high' THEN 4 WHEN 'medium' THEN 3 WHEN 'low' THEN 2 ELSE 1 END AS weight,
        concat('until ', f.waived_until, ': ', f.waiver_reason) AS waiver,
        f.rests_on
    FROM findings f
    JOIN ranked r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id
    WHERE r.age <= 2
),
findings_now AS (
    SELECT *
    FROM compared_findings
    WHERE age = 1
),
findings_before AS (
    SELECT *
    FROM compared_findings
    WHERE age = 2
),
key_values AS (
    SELECT
        n.key_arn,
        n.account_id,
        n.region,
        s.subject,
        CASE s.subject
            WHEN 'state' THEN b.state
            WHEN 'rotation_enabled' THEN CAST(b.rotation_enabled AS varchar)
            WHEN 'aliases' THEN b.aliases
            WHEN 'policy' THEN b.policy
            WHEN 'policy_status' THEN b.policy_status
        END AS value_before,
        CASE s.subject
            WHEN 'state' THEN n.state
            WHEN 'rotation_enabled' THEN CAST(n.rotation_enabled AS varchar)
            WHEN 'aliases' THEN n.aliases
            WHEN 'policy' THEN n.policy
            WHEN 'policy_status' THEN n.policy_status
        END AS value_now
    FROM keys_now n
    JOIN keys_before b ON b.organization = n.organization AND b.key_arn = n.key_arn
    CROSS JOIN (VALUES ('state'), ('rotation_enabled'), ('aliases'), ('policy'), ('policy_status')) AS s (subject)
),
finding_values AS (
    SELECT
        n.finding_id,
        n.key_arn,
        n.account_id,
        n.region,
        n.rule,
        s.subject,
        CASE
            WHEN s.subject = 'waiver' AND b.waiver IS NULL THEN 'began'
            WHEN s.subject = 'waiver' AND n.waiver IS NULL THEN 'ended'
            WHEN s.subject = 'waiver' THEN 'changed'
            WHEN COALESCE(arrays_overlap(n.rests_on, kn.unread) OR arrays_overlap(b.rests_on, kn.unread), false) THEN 'not_read'
            -- How bad it is that somebody comes in may hang on where the organization ends, though that he does is known without it.
            WHEN kb.organization_read AND NOT kn.organization_read AND arrays_overlap(n.rests_on, ARRAY['policies', 'grants']) THEN 'not_read'
            WHEN COALESCE(arrays_overlap(n.rests_on, kb.unread) OR arrays_overlap(b.rests_on, kb.unread), false) THEN 'first_read'
            WHEN kn.organization_read AND NOT kb.organization_read AND arrays_overlap(n.rests_on, ARRAY['policies', 'grants']) THEN 'first_read'
            WHEN n.weight > b.weight THEN 'rose'
            ELSE 'fell'
        END AS change,
        CASE s.subject WHEN 'severity' THEN b.severity ELSE b.waiver END AS value_before,
        CASE s.subject WHEN 'severity' THEN n.severity ELSE n.waiver END AS value_now
    FROM findings_now n
    JOIN findings_before b ON b.organization = n.organization AND b.finding_id = n.finding_id AND b.key_arn = n.key_arn
    JOIN keys_now kn ON kn.organization = n.organization AND kn.key_arn = n.key_arn
    JOIN keys_before kb ON kb.organization = n.organization AND kb.key_arn = n.key_arn
    CROSS JOIN (VALUES ('severity'), ('waiver')) AS s (subject)
),
unread AS (
    SELECT DISTINCT r.organization, e.account_id, e.region
    FROM collection_errors e
    JOIN ranked r ON e.snapshot_date = r.snapshot_date AND e.run_id = r.run_id
    WHERE r.age = 1 AND e.key_arn IS NULL AND e.fact IN ('key_listing', 'access', 'account')
),
read_accounts AS (
    SELECT r.organization, a.account_id, a.regions, r.customer_managed_only
    FROM accounts a
    JOIN ranked r ON a.snapshot_date = r.snapshot_date AND a.run_id = r.run_id
    WHERE r.age = 1 AND a.outcome IN ('complete', 'partial')
),
new_keys AS (
    SELECT
        n.organization,
        n.key_arn,
        n.account_id,
        n.region,
        n.state,
        CASE WHEN n.created_at >= p.started_at THEN 'appeared' ELSE 'first_read' END AS change
    FROM keys_now n
    JOIN ranked p ON p.organization = n.organization AND p.age = 2
    LEFT JOIN keys_before b ON b.organization = n.organization AND b.key_arn = n.key_arn
    WHERE b.key_arn IS NULL
),
lost_keys AS (
    SELECT
        b.organization,
        b.key_arn,
        b.account_id,
        b.region,
        b.state,
        CASE
            WHEN a.account_id IS NULL OR u.account_id IS NOT NULL OR w.account_id IS NOT NULL THEN 'not_read'
            WHEN NOT contains(a.regions, b.region) THEN 'not_read'
            WHEN a.customer_managed_only AND COALESCE(b.manager, 'AWS') = 'AWS' THEN 'not_read'
            ELSE 'gone'
        END AS change
    FROM keys_before b
    LEFT JOIN keys_now n ON n.organization = b.organization AND n.key_arn = b.key_arn
    LEFT JOIN read_accounts a ON a.organization = b.organization AND a.account_id = b.account_id
    LEFT JOIN unread u ON u.organization = b.organization AND u.account_id = b.account_id AND u.region = b.region
    LEFT JOIN (
        SELECT DISTINCT organization, account_id
        FROM unread
        WHERE region IS NULL
    ) w ON w.organization = b.organization AND w.account_id = b.account_id
    WHERE n.key_arn IS NULL
)
SELECT
    k.key_arn,
    k.account_id,
    k.region,
    'key' AS subject,
    CAST(NULL AS varchar) AS finding_id,
    CAST(NULL AS varchar) AS rule,
    k.change,
    CAST(NULL AS varchar) AS value_before,
    k.state AS value_now
FROM new_keys k
UNION ALL
SELECT k.key_arn, k.account_id, k.region, 'key', NULL, NULL, k.change, k.state, NULL
FROM lost_keys k
UNION ALL
SELECT c.key_arn, c.account_id, c.region, c.subject, NULL, NULL, 'changed', c.value_before, c.value_now
FROM key_values c
WHERE c.value_before <> c.value_now
UNION ALL
SELECT
    n.key_arn,
    n.account_id,
    n.region,
    'finding',
    n.finding_id,
    n.rule,
    CASE
        WHEN k.change IS NOT NULL THEN k.change
        WHEN COALESCE(arrays_overlap(n.rests_on, b.unread), false) THEN 'first_read'
        ELSE 'appeared'
    END,
    NULL,
    n.told
FROM findings_now n
LEFT JOIN keys_before b ON b.organization = n.organization AND b.key_arn = n.key_arn
LEFT JOIN new_keys k ON k.organization = n.organization AND k.key_arn = n.key_arn
LEFT JOIN findings_before f ON f.organization = n.organization AND f.finding_id = n.finding_id
WHERE f.finding_id IS NULL AND (b.key_arn IS NOT NULL OR k.key_arn IS NOT NULL)
UNION ALL
SELECT
    b.key_arn,
    b.account_id,
    b.region,
    'finding',
    b.finding_id,
    b.rule,
    CASE
        WHEN k.change IS NOT NULL THEN k.change
        WHEN COALESCE(arrays_overlap(b.rests_on, n.unread), false) THEN 'not_read'
        ELSE 'gone'
    END,
    b.told,
    NULL
FROM findings_before b
LEFT JOIN keys_now n ON n.organization = b.organization AND n.key_arn = b.key_arn
LEFT JOIN lost_keys k ON k.organization = b.organization AND k.key_arn = b.key_arn
LEFT JOIN findings_now f ON f.organization = b.organization AND f.finding_id = b.finding_id
WHERE f.finding_id IS NULL
UNION ALL
SELECT f.key_arn, f.account_id, f.region, f.subject, f.finding_id, f.rule, f.change, f.value_before, f.value_now
FROM finding_values f
WHERE COALESCE(f.value_before, '') <> COALESCE(f.value_now, '')
