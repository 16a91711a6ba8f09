-- Who can both change who may use a key and decrypt with it, where the two should be apart? AWS services and accounts that only delegate to their IAM policies are left out.
SELECT a.account_id, a.key_arn, a.who, a.trust, min(a.certainty) AS administers, min(d.certainty) AS decrypts
FROM "kms_insights_database".key_access AS a
JOIN "kms_insights_database".latest_run AS r ON a.snapshot_date = r.snapshot_date AND a.run_id = r.run_id
JOIN "kms_insights_database".key_access AS d ON d.snapshot_date = a.snapshot_date AND d.run_id = a.run_id AND d.key_arn = a.key_arn AND d.who = a.who
WHERE a.capability = 'administer' AND a.kind = 'access' AND d.capability = 'decrypt' AND d.kind = 'access' AND a.trust <> 'aws_service'
GROUP BY a.account_id, a.key_arn, a.who, a.trust
ORDER BY a.account_id, a.key_arn, a.who
