-- What does the latest snapshot not know? One row per account, Region, fact and cause, with what to do and the number of keys affected, which is null where that is not known. An account left out on purpose has one row with its reason.
CREATE OR REPLACE VIEW coverage_gaps AS
SELECT
    e.account_id,
    a.name AS account_name,
    e.region,
    e.fact,
    e.operation,
    e.code,
    e.retryable,
    CASE WHEN e.fact = 'alias_listing' THEN max(n.keys) ELSE NULLIF(count(DISTINCT e.key_arn), 0) END AS keys_affected,
    min(e.message) AS example_message,
    min(e.next_step) AS next_step,
    e.snapshot_date,
    e.run_id
FROM collection_errors e
JOIN latest_run r ON e.snapshot_date = r.snapshot_date AND e.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = e.snapshot_date AND a.run_id = e.run_id AND a.account_id = e.account_id
LEFT JOIN (
    SELECT k.run_id, k.account_id, k.region, count(*) AS keys
    FROM keys k
    JOIN latest_run l ON k.snapshot_date = l.snapshot_date AND k.run_id = l.run_id
    GROUP BY k.run_id, k.account_id, k.region
) n ON n.run_id = e.run_id AND n.account_id = e.account_id AND n.region = e.region
GROUP BY e.account_id, a.name, e.region, e.fact, e.operation, e.code, e.retryable, e.snapshot_date, e.run_id
UNION ALL
SELECT
    k.account_id,
    a.name AS account_name,
    k.region,
    'policy' AS fact,
    'kms:GetKeyPolicy' AS operation,
    'not_understood' AS code,
    false AS retryable,
    count(*) AS keys_affected,
    min(k.policy_error) AS example_message,
    'read the policy as it is written in keys.policy and keys.ram_policy, where keys.policy_error is not null' AS next_step,
    k.snapshot_date,
    k.run_id
FROM keys k
JOIN latest_run r ON k.snapshot_date = r.snapshot_date AND k.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = k.snapshot_date AND a.run_id = k.run_id AND a.account_id = k.account_id
WHERE k.policy_error IS NOT NULL
GROUP BY k.account_id, a.name, k.region, k.snapshot_date, k.run_id
UNION ALL
SELECT
    a.account_id,
    a.name AS account_name,
    CAST(NULL AS varchar) AS region,
    'account' AS fact,
    CAST(NULL AS varchar) AS operation,
    a.outcome AS code,
    false AS retryable,
    CAST(NULL AS bigint) AS keys_affected,
    a.reason AS example_message,
    CAST(NULL AS varchar) AS next_step,
    a.snapshot_date,
    a.run_id
FROM accounts a
JOIN latest_run r ON a.snapshot_date = r.snapshot_date AND a.run_id = r.run_id
WHERE a.outcome = 'skipped'
