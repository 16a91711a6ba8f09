-- Which keys are disabled and paid for all the same, and since when are they known not to be used?
SELECT c.account_id, c.account_name, c.key_arn, c.aliases, c.created_at, c.monthly_cost_usd, c.usage_verdict, c.last_used_at, c.unused_since
FROM "kms_insights_database".key_costs AS c
WHERE c.state = 'Disabled' AND COALESCE(c.manager, 'CUSTOMER') = 'CUSTOMER'
ORDER BY COALESCE(c.monthly_cost_usd, 0.0) DESC, c.account_id, c.key_arn
