-- Every key with its last use, from the AWS workshop. keyid is the ARN of a multi-Region key, whose id its Regions share.
SELECT kms_keys.keyid, kms_keys.alias, kms_keys.accountnumber, last_used.eventtime, last_used.username
FROM "kms_insights_database"."kms_keys_table" AS kms_keys
LEFT JOIN "kms_insights_database"."kms_key_last_used_table" AS last_used
ON kms_keys.keyid = last_used.keyid
