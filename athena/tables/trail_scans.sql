CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`trail_scans` (
  `scan_id` string COMMENT 'The scan: when it began, and eight random characters.',
  `source` string COMMENT 'Where the log files are: a folder, or a bucket and prefix on S3.',
  `status` string COMMENT 'complete, or partial where a log file could not be read whole: trail_files says which.',
  `started_at` timestamp COMMENT 'When the scan began.',
  `finished_at` timestamp COMMENT 'When it ended.',
  `tool_version` string COMMENT 'The version of kms-insights, sql where SQL made the scan, which counts cryptographic operations alone and has no rows in key_events.',
  `use_events` array<string> COMMENT 'The names of the events that the scan counted as uses.',
  `files_listed` bigint COMMENT 'Log files that were there.',
  `files_known` bigint COMMENT 'Log files that earlier scans had read.',
  `files_read` bigint COMMENT 'Log files that this scan read whole.',
  `files_failed` bigint COMMENT 'Log files of which something could not be read.',
  `bytes` bigint COMMENT 'Bytes of the log files, compressed as they are.',
  `records` bigint COMMENT 'Records of all services.',
  `kms_records` bigint COMMENT 'Records of KMS.',
  `repeated_records` bigint COMMENT 'Records of KMS that had been counted before: CloudTrail may deliver an event more than once. Null where SQL made the scan: it does not count them.',
  `uses_without_key` bigint COMMENT 'Calls that used a key and do not say which: of each key in their account and Region it may have been the last use. Null where SQL made the scan.',
  `errors_without_key` bigint COMMENT 'Calls that failed before it was known which key they were to use. Null where SQL made the scan.'
)
COMMENT 'One row per scan of CloudTrail log files. A scan’s rows in trail_files, key_usage_daily and key_events count only if it has a row here, which is written last.'
PARTITIONED BY (`scan_date` string COMMENT 'The day on which the scan began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/trail_scans/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.scan_date.type' = 'date',
  'projection.scan_date.format' = 'yyyy-MM-dd',
  'projection.scan_date.range' = '2026-01-01,NOW',
  'projection.scan_date.interval' = '1',
  'projection.scan_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/trail_scans/scan_date=${scan_date}/'
)
