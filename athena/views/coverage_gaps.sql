-- What does the latest snapshot not know? One row per account, Region, fact and cause, with the number of keys affected and what to do. An account left out on purpose has one row with its reason.
CREATE OR REPLACE VIEW coverage_gaps AS
SELECT
    e.account_id,
    a.name AS account_name,
    e.region,
    e.fact,
    e.operation,
    e.code,
    e.retryable,
    count(DISTINCT e.key_arn) AS keys_affected,
    min(e.message) AS example_message,
    min(e.next_step) AS next_step,
    e.snapshot_date,
    e.run_id
FROM collection_errors e
JOIN latest_run r ON e.snapshot_date = r.snapshot_date AND e.run_id = r.run_id
LEFT JOIN accounts a ON a.snapshot_date = e.snapshot_date AND a.run_id = e.run_id AND a.account_id = e.account_id
GROUP BY e.account_id, a.name, e.region, e.fact, e.operation, e.code, e.retryable, e.snapshot_date, e.run_id
UNION ALL
SELECT
    a.account_id,
    a.name AS account_name,
    CAST(NULL AS varchar) AS region,
    'account' AS fact,
    CAST(NULL AS varchar) AS operation,
    a.outcome AS code,
    false AS retryable,
    CAST(0 AS bigint) AS keys_affected,
    a.reason AS example_message,
    CAST(NULL AS varchar) AS next_step,
    a.snapshot_date,
    a.run_id
FROM accounts a
JOIN latest_run r ON a.snapshot_date = r.snapshot_date AND a.run_id = r.run_id
WHERE a.outcome = 'skipped'
