CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`key_last_used` (
  `run_id` string COMMENT 'The run.',
  `key_arn` string COMMENT 'The key’s ARN.',
  `key_id` string COMMENT 'The key’s id within its account and Region.',
  `account_id` string COMMENT 'The account that owns the key.',
  `region` string COMMENT 'The key’s Region.',
  `last_used_at` timestamp COMMENT 'When the key was last used in a successful cryptographic operation, which alone counts of log files too, by whichever source knows of a later use, null when no use is recorded or known. unused_since tells whether there may be a later one.',
  `unused_since` timestamp COMMENT 'From when on it is known that the key was not used, null where nobody can tell. KMS tells, and CloudTrail’s event history where all of it that is later was looked through, log files prove uses, and never that there was none.',
  `operation` string COMMENT 'The operation, such as Decrypt.',
  `principal` string COMMENT 'Who used the key, KMS does not say, CloudTrail does: null where neither the log file nor the event of that use was read.',
  `resource` string COMMENT 'The resource that the encryption context of that use names, where the log file or event of it was read.',
  `evidence` string COMMENT 'Where the last use is known from: kms is GetKeyLastUsage, trail is CloudTrail’s log files in key_usage_daily, lookup is CloudTrail’s event history. Where no use is known, kms or lookup says who was asked and answered, null where nobody did.',
  `cloudtrail_event_id` string COMMENT 'The CloudTrail event of that use.',
  `kms_request_id` string COMMENT 'The KMS request of that use.',
  `tracking_started_at` timestamp COMMENT 'Since when KMS records use.',
  `trail_started_at` timestamp COMMENT 'The first day of which CloudTrail log files of the key’s account and Region were read. Later days may lack: trail_files says which were read.',
  `trail_ended_at` timestamp COMMENT 'The last such day. Days between the two may lack.',
  `event_history_from` timestamp COMMENT 'Since when CloudTrail’s event history tells of uses, all of which was looked through unless it told of one, null where it was not asked, or not looked through as far as that. It is asked of keys whose last usage KMS does not say.',
  `key_created_at` timestamp COMMENT 'When the key was made.',
  `verdict` string COMMENT 'used, never_used (made since KMS began to record use, or within CloudTrail’s event history, and no use recorded) or unknown.',
  `reason` string COMMENT 'Why the verdict is unknown or never_used, where it is used, why there may be a later use than last_used_at, which is then the latest that is known: null where there is none.',
  `status` string COMMENT 'How the answer of KMS is known: observed, not_applicable, denied or failed.',
  `event_history_status` string COMMENT 'How the answer of CloudTrail’s event history is known: observed, denied, failed, or not_applicable where it need not be asked. Where it told of a use before it was denied or failed, that use counts, and reason says so.'
)
COMMENT 'One row per key, also where no use is recorded or the question went unanswered. "No recorded use" is not "never used": read verdict.'
PARTITIONED BY (`snapshot_date` string COMMENT 'The day on which the run began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/key_last_used/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.snapshot_date.type' = 'date',
  'projection.snapshot_date.format' = 'yyyy-MM-dd',
  'projection.snapshot_date.range' = '2026-01-01,NOW',
  'projection.snapshot_date.interval' = '1',
  'projection.snapshot_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/key_last_used/snapshot_date=${snapshot_date}/'
)
