-- What changed between the previous run of an organization and the one that the views show? Keys and findings that appeared or went, and what changed about keys that both runs could read. A finding on a key that appeared or went goes with it. not_read means that the later run could not look, or was not to, and first_read the same of the earlier run. For a finding, that is so where a fact that its rule rests on was not read.
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
keys_now AS (
    SELECT
        r.organization,
        k.key_arn,
        k.account_id,
        k.region,
        k.created_at,
        k.state,
        k.rotation_enabled,
        k.policy,
        k.policy_status,
        array_join(k.aliases, ', ') AS aliases,
        k.metadata_status NOT IN ('denied', 'failed') AS metadata_read,
        k.grants_status NOT IN ('denied', 'failed') AS grants_read,
        k.last_usage_status NOT IN ('denied', 'failed') AS usage_read,
        k.policy_status NOT IN ('denied', 'failed') AND k.ram_policy_status NOT IN ('denied', 'failed') AND k.policy_error IS NULL AS policies_read,
        k.aliases_status NOT IN ('denied', 'failed') AS aliases_read,
        k.tags_status NOT IN ('denied', 'failed') AS tags_read,
        k.rotation_status NOT IN ('denied', 'failed') AND k.rotations_status NOT IN ('denied', 'failed') AS rotation_read
    FROM keys k
    JOIN ranked r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
    WHERE r.age = 1
),
keys_before AS (
    SELECT
        r.organization,
        k.key_arn,
        k.account_id,
        k.region,
        k.manager,
        k.state,
        k.rotation_enabled,
        k.policy,
        k.policy_status,
        array_join(k.aliases, ', ') AS aliases,
        k.metadata_status NOT IN ('denied', 'failed') AS metadata_read,
        k.grants_status NOT IN ('denied', 'failed') AS grants_read,
        k.last_usage_status NOT IN ('denied', 'failed') AS usage_read,
        k.policy_status NOT IN ('denied', 'failed') AND k.ram_policy_status NOT IN ('denied', 'failed') AND k.policy_error IS NULL AS policies_read,
        k.aliases_status NOT IN ('denied', 'failed') AS aliases_read,
        k.tags_status NOT IN ('denied', 'failed') AS tags_read,
        k.rotation_status NOT IN ('denied', 'failed') AND k.rotations_status NOT IN ('denied', 'failed') AS rotation_read
    FROM keys k
    JOIN ranked r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
    WHERE r.age = 2
),
findings_now AS (
    SELECT r.organization, f.finding_id, f.key_arn, f.account_id, f.region, f.rule, f.title, f.rests_on
    FROM findings f
    JOIN ranked r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id
    WHERE r.age = 1
),
findings_before AS (
    SELECT r.organization, f.finding_id, f.key_arn, f.account_id, f.region, f.rule, f.title, f.rests_on
    FROM findings f
    JOIN ranked r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id
    WHERE r.age = 2
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
SELECT k.key_arn, k.account_id, k.region, 'key' AS subject, k.change, CAST(NULL AS varchar) AS value_before, k.state AS value_now
FROM new_keys k
UNION ALL
SELECT k.key_arn, k.account_id, k.region, 'key' AS subject, k.change, k.state AS value_before, CAST(NULL AS varchar) AS value_now
FROM lost_keys k
UNION ALL
SELECT n.key_arn, n.account_id, n.region, 'state' AS subject, 'changed' AS change, b.state AS value_before, n.state AS value_now
FROM keys_now n
JOIN keys_before b ON b.organization = n.organization AND b.key_arn = n.key_arn
WHERE n.state <> b.state
UNION ALL
SELECT
    n.key_arn,
    n.account_id,
    n.region,
    'rotation_enabled' AS subject,
    'changed' AS change,
    CAST(b.rotation_enabled AS varchar) AS value_before,
    CAST(n.rotation_enabled AS varchar) AS value_now
FROM keys_now n
JOIN keys_before b ON b.organization = n.organization AND b.key_arn = n.key_arn
WHERE n.rotation_enabled <> b.rotation_enabled
UNION ALL
SELECT n.key_arn, n.account_id, n.region, 'aliases' AS subject, 'changed' AS change, b.aliases AS value_before, n.aliases AS value_now
FROM keys_now n
JOIN keys_before b ON b.organization = n.organization AND b.key_arn = n.key_arn
WHERE n.aliases <> b.aliases
UNION ALL
SELECT n.key_arn, n.account_id, n.region, 'policy' AS subject, 'changed' AS change, b.policy AS value_before, n.policy AS value_now
FROM keys_now n
JOIN keys_before b ON b.organization = n.organization AND b.key_arn = n.key_arn
WHERE n.policy <> b.policy
UNION ALL
SELECT
    n.key_arn,
    n.account_id,
    n.region,
    'policy_status' AS subject,
    'changed' AS change,
    b.policy_status AS value_before,
    n.policy_status AS value_now
FROM keys_now n
JOIN keys_before b ON b.organization = n.organization AND b.key_arn = n.key_arn
WHERE n.policy_status <> b.policy_status
UNION ALL
SELECT
    n.key_arn,
    n.account_id,
    n.region,
    'finding' AS subject,
    CASE
        WHEN k.change IS NOT NULL THEN k.change
        WHEN contains(n.rests_on, 'metadata') AND NOT b.metadata_read THEN 'first_read'
        WHEN contains(n.rests_on, 'policies') AND NOT b.policies_read THEN 'first_read'
        WHEN contains(n.rests_on, 'grants') AND NOT b.grants_read THEN 'first_read'
        WHEN contains(n.rests_on, 'last_usage') AND NOT b.usage_read THEN 'first_read'
        WHEN contains(n.rests_on, 'aliases') AND NOT b.aliases_read THEN 'first_read'
        WHEN contains(n.rests_on, 'tags') AND NOT b.tags_read THEN 'first_read'
        WHEN contains(n.rests_on, 'rotation') AND NOT b.rotation_read THEN 'first_read'
        ELSE 'appeared'
    END AS change,
    CAST(NULL AS varchar) AS value_before,
    concat(n.rule, ': ', n.title) AS value_now
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
    'finding' AS subject,
    CASE
        WHEN k.change IS NOT NULL THEN k.change
        WHEN contains(b.rests_on, 'metadata') AND NOT n.metadata_read THEN 'not_read'
        WHEN contains(b.rests_on, 'policies') AND NOT n.policies_read THEN 'not_read'
        WHEN contains(b.rests_on, 'grants') AND NOT n.grants_read THEN 'not_read'
        WHEN contains(b.rests_on, 'last_usage') AND NOT n.usage_read THEN 'not_read'
        WHEN contains(b.rests_on, 'aliases') AND NOT n.aliases_read THEN 'not_read'
        WHEN contains(b.rests_on, 'tags') AND NOT n.tags_read THEN 'not_read'
        WHEN contains(b.rests_on, 'rotation') AND NOT n.rotation_read THEN 'not_read'
        ELSE 'gone'
    END AS change,
    concat(b.rule, ': ', b.title) AS value_before,
    CAST(NULL AS varchar) AS value_now
FROM findings_before b
LEFT JOIN keys_now n ON n.organization = b.organization AND n.key_arn = b.key_arn
LEFT JOIN lost_keys k ON k.organization = b.organization AND k.key_arn = b.key_arn
LEFT JOIN findings_now f ON f.organization = b.organization AND f.finding_id = b.finding_id
WHERE f.finding_id IS NULL
