-- Who outside the organization can do what with which key, how sure is that, and what must hold of a request? Those whom anybody can be come first.
SELECT x.account_id, x.key_arn, x.trust, x.principal, x.capabilities, x.condition, x.certainty, x.way_in, x.source
FROM "kms_insights_database".external_access AS x
WHERE x.trust IN ('public', 'outside', 'unknown')
ORDER BY CASE x.trust WHEN 'public' THEN 0 WHEN 'outside' THEN 1 ELSE 2 END, x.account_id, x.key_arn, x.source, x.principal, x.capabilities
