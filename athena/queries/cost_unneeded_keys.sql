-- Which keys look unneeded, what does each cost a month, and how sure is it that nobody needs it? Those of which it is certain come first, the dearest before the others.
SELECT c.saving_certainty, c.monthly_cost_usd, c.rotation_cost_usd, c.cost_status, c.saving_reason, c.account_id, c.account_name, c.key_arn, c.aliases, c.state, c.last_used_at, c.unused_since
FROM "kms_insights_database".key_costs AS c
WHERE c.saving_reason IS NOT NULL
ORDER BY c.saving_certainty, c.monthly_cost_usd DESC, c.account_id, c.key_arn
