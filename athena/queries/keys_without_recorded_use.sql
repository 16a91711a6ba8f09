-- Keys for which no use is recorded, from the AWS workshop. That is not proof: the view unused_keys tells never_used from unknown.
SELECT kms_keys.keyid, kms_keys.alias, kms_keys.accountnumber, kms_keys.creationdate
FROM "kms_insights_database"."kms_keys_table" AS kms_keys
LEFT JOIN "kms_insights_database"."kms_key_last_used_table" AS last_used
ON kms_keys.keyid = last_used.keyid
WHERE last_used.eventtime IS NULL
