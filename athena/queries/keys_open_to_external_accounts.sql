-- Keys whose policy lets in another account, from the AWS workshop.
SELECT keyid, alias, accountnumber, principal, action, concern
FROM "kms_insights_database"."kms_keys_table"
WHERE concern LIKE '%External account%'
