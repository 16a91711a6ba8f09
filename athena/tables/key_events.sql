CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`key_events` (
  `scan_id` string COMMENT 'The scan that found it.',
  `key_arn` string COMMENT 'The key’s ARN, an alias’ where the record names no more and the inventory does not know it.',
  `key_id` string COMMENT 'The key’s id within its account and Region.',
  `account_id` string COMMENT 'The account that owns the key.',
  `region` string COMMENT 'The key’s Region.',
  `event_at` timestamp COMMENT 'When it happened.',
  `event_name` string COMMENT 'The operation, such as CreateKey.',
  `principal` string COMMENT 'Who called: a role’s or user’s ARN, never a session’s.',
  `session_name` string COMMENT 'The session’s name, where a role called.',
  `invoked_by` string COMMENT 'The service that called on the principal’s behalf, or on its own.',
  `user_agent` string COMMENT 'The program that called, as it calls itself.',
  `source_ip_address` string COMMENT 'From where.',
  `request` string COMMENT 'What was asked for, as JSON, cut where it is very long.',
  `response` string COMMENT 'What was answered, as JSON, cut where it is very long.',
  `error_code` string COMMENT 'Why the call failed, null where it succeeded.',
  `event_id` string COMMENT 'The CloudTrail event.',
  `recorded_by` string COMMENT 'The account whose log records it.'
)
COMMENT 'One row per event that made a key, or changed it or who can use it: its creation, aliases, policy, grants, rotation, state, tags and deletion, as CloudTrail recorded them. Uses are in key_usage_daily.'
PARTITIONED BY (`event_date` string COMMENT 'The day of the events, in UTC, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/key_events/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.event_date.type' = 'date',
  'projection.event_date.format' = 'yyyy-MM-dd',
  'projection.event_date.range' = '2014-11-01,NOW',
  'projection.event_date.interval' = '1',
  'projection.event_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/key_events/event_date=${event_date}/'
)
