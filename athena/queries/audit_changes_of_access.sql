-- What changed since the previous snapshot about who can use which key: policies, grants, and findings that appeared, went, or could not be looked at again?
SELECT c.account_id, c.key_arn, c.subject, c.change, c.rule, c.grant_id, c.finding_id, c.value_before, c.value_now
FROM "kms_insights_database".changes_since_previous AS c
WHERE c.subject IN ('key', 'policy', 'policy_status', 'grant', 'finding', 'severity', 'waiver')
ORDER BY c.account_id, c.key_arn, c.subject, c.change, c.grant_id, c.finding_id
