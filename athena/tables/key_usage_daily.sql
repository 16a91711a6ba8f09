CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`key_usage_daily` (
  `scan_id` string COMMENT 'The scan that counted it.',
  `key_arn` string COMMENT 'The key’s ARN, an alias’ where the records name no more and the inventory does not know it.',
  `key_id` string COMMENT 'The key’s id within its account and Region.',
  `account_id` string COMMENT 'The account that owns the key.',
  `region` string COMMENT 'The key’s Region.',
  `principal` string COMMENT 'Who called: a role’s or user’s ARN, never a session’s, the account’s id where its own log is not read, a service that called on its own.',
  `event_name` string COMMENT 'The operation, such as Decrypt.',
  `resource` string COMMENT 'The resource that the encryption context names, of an object in S3 its bucket.',
  `invoked_by` string COMMENT 'The service that called on the principal’s behalf, or on its own.',
  `recorded_by` string COMMENT 'The account whose log records it.',
  `uses` bigint COMMENT 'Calls that succeeded.',
  `errors` bigint COMMENT 'Calls that failed: these used nothing.',
  `first_at` timestamp COMMENT 'The first of them all.',
  `last_at` timestamp COMMENT 'The last of them all.',
  `last_used_at` timestamp COMMENT 'The last that succeeded.'
)
COMMENT 'One row per key, day, principal, operation and resource, as CloudTrail recorded them. Rows of several scans, and of one scan too, add up: sum uses and errors. Only what trail_files says was read is in it: no row is no proof that nothing happened.'
PARTITIONED BY (`event_date` string COMMENT 'The day of the events, in UTC, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/key_usage_daily/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.event_date.type' = 'date',
  'projection.event_date.format' = 'yyyy-MM-dd',
  'projection.event_date.range' = '2014-11-01,NOW',
  'projection.event_date.interval' = '1',
  'projection.event_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/key_usage_daily/event_date=${event_date}/'
)
