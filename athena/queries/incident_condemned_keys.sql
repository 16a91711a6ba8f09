-- Which keys that are about to be deleted does somebody still try to use, and of which does nobody know? Those with the fewest days left come first.
SELECT p.days_left, p.key_arn, p.account_name, p.aliases, p.state, p.failed_uses, p.last_failed_at, p.last_failed_by, p.last_failed_resource, p.log_days, p.usage_verdict
FROM "kms_insights_database".pending_deletion AS p
WHERE p.failed_uses > 0 OR p.failed_uses IS NULL
ORDER BY COALESCE(p.days_left, 0), p.key_arn
