CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`trail_files` (
  `scan_id` string COMMENT 'The scan that read it.',
  `source` string COMMENT 'Where the log files are: a folder, or a bucket and prefix on S3.',
  `path` string COMMENT 'The file, below the source.',
  `account_id` string COMMENT 'The account whose events it holds, from its name.',
  `region` string COMMENT 'The Region whose events it holds, from its name.',
  `delivered_at` timestamp COMMENT 'When CloudTrail delivered it, to the minute, from its name.',
  `bytes` bigint COMMENT 'Its bytes, compressed as it is.',
  `records` bigint COMMENT 'Records of all services in it.',
  `kms_records` bigint COMMENT 'Records of KMS in it.',
  `status` string COMMENT 'read, partial where something of it could not be read, unread where nothing could.',
  `problem` string COMMENT 'What is wrong with it, such as truncated or bad_checksum.',
  `problem_offset` bigint COMMENT 'At which byte: of its text, or of the file where the text cannot be known.'
)
COMMENT 'One row per CloudTrail log file that a scan read or could not read. What is not listed here nobody has read: a day without rows for an account and Region is a day that nobody knows of.'
PARTITIONED BY (`log_date` string COMMENT 'The day of the log file, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/trail_files/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.log_date.type' = 'date',
  'projection.log_date.format' = 'yyyy-MM-dd',
  'projection.log_date.range' = '2014-11-01,NOW',
  'projection.log_date.interval' = '1',
  'projection.log_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/trail_files/log_date=${log_date}/'
)
