-- Which findings of severity critical or high are open, that is, put up with by nobody on the day of the run, and what can be done about them?
SELECT f.severity, f.confidence, f.rule, f.title, f.account_id, f.key_arn, f.cause, f.remediation
FROM "kms_insights_database".findings AS f
JOIN "kms_insights_database".latest_run AS r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id
WHERE f.severity IN ('critical', 'high')
    AND COALESCE(f.waived_until < CAST(CAST(r.finished_at AS date) AS varchar), true)
ORDER BY f.severity, f.rule, f.account_id, f.key_arn, f.finding_id
