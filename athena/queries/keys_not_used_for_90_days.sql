-- Keys whose last known use is more than 90 days ago, from the AWS workshop. That is not proof: the view stale_keys_90d has those of which it is known that they were not used since.
SELECT kms_keys.keyid, kms_keys.alias, kms_keys.accountnumber, last_used.eventtime, last_used.username, last_used.eventname
FROM "kms_insights_database"."kms_keys_table" AS kms_keys
LEFT JOIN "kms_insights_database"."kms_key_last_used_table" AS last_used
ON kms_keys.keyid = last_used.keyid
WHERE last_used.eventtime < date_add('day', -90, current_date)
