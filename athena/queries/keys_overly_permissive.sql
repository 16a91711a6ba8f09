-- Keys whose policy gives away too much, from the AWS workshop.
SELECT keyid, alias, accountnumber, principal, action, concern
FROM "kms_insights_database"."kms_keys_table"
WHERE concern LIKE '%overly permissive%'
