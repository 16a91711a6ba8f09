-- Who can decrypt with a key, through which statement or grant, and what must hold of the request?
WITH parameters AS (
    -- The key's ARN, or a pattern of it such as 'arn:aws:kms:%:111122223333:key/%'.
    SELECT '%' AS key_arn
)
SELECT a.key_arn, a.who, a.who_kind, a.trust, a.kind, a.fence, a.certainty, a.reason, a.cause, a.statement_index, a.grant_id
FROM "kms_insights_database".key_access AS a
JOIN "kms_insights_database".latest_run AS r ON a.snapshot_date = r.snapshot_date AND a.run_id = r.run_id
CROSS JOIN parameters AS p
WHERE a.capability = 'decrypt' AND a.kind <> 'intent' AND a.key_arn LIKE p.key_arn
ORDER BY a.key_arn, a.who, a.cause, a.statement_index, a.grant_id
