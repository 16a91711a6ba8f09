-- Which keys can principals of an account that is no longer trusted get at, and with what?
WITH parameters AS (
    -- The account's id, or a pattern of it.
    SELECT '%' AS account_id
)
SELECT a.who_account, a.account_id AS owned_by, a.key_arn, a.who, a.kind, a.capability, a.fence, a.certainty, a.cause, a.grant_id
FROM "kms_insights_database".key_access AS a
JOIN "kms_insights_database".latest_run AS r ON a.snapshot_date = r.snapshot_date AND a.run_id = r.run_id
CROSS JOIN parameters AS p
WHERE a.who_account LIKE p.account_id AND a.who_account <> a.account_id AND a.kind <> 'intent'
ORDER BY a.who_account, a.key_arn, a.who, a.capability, a.fence, a.cause, a.grant_id
