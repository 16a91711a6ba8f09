-- What does the snapshot not know, of how many keys, and what would make it known? What lacks of most keys comes first.
SELECT g.account_id, g.account_name, g.region, g.fact, g.operation, g.code, g.retryable, g.keys_affected, g.example_message, g.next_step
FROM "kms_insights_database".coverage_gaps AS g
ORDER BY COALESCE(g.keys_affected, 0) DESC, g.account_id, g.region, g.fact, g.operation, g.code
