-- What do the log files of an organization's trail record? One row per record, in the columns that daily usage needs; other columns of CloudTrail's records may be added.
-- Replace ${trail} by what `trail scan` is given, such as s3://BUCKET or s3://BUCKET/PREFIX; ${organization} by the organization's id (o-…), and the trail of a single account has
-- none: remove it with its slash; ${accounts} and ${regions} by those that have log files there, separated by commas: what is not named is not read. ${account}, ${region} and
-- ${log_date} stay: Athena fills them in.
CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`cloudtrail_logs` (
  `useridentity` struct<type:string,principalid:string,arn:string,accountid:string,invokedby:string,username:string,sessioncontext:struct<sessionissuer:struct<arn:string>>> COMMENT 'Who called.',
  `eventtime` string COMMENT 'When, as text.',
  `eventsource` string COMMENT 'The service, such as kms.amazonaws.com.',
  `eventname` string COMMENT 'The operation, such as Decrypt.',
  `awsregion` string COMMENT 'The Region.',
  `errorcode` string COMMENT 'Why the call failed, null where it succeeded.',
  `requestparameters` string COMMENT 'What was asked for, as JSON.',
  `responseelements` string COMMENT 'What was answered, as JSON.',
  `eventid` string COMMENT 'The event.',
  `resources` array<struct<arn:string,accountid:string,type:string>> COMMENT 'What it touched.',
  `recipientaccountid` string COMMENT 'The account whose log this is.',
  `sharedeventid` string COMMENT 'The event, the same in each account that records it.'
)
COMMENT 'One row per record of the log files of CloudTrail.'
PARTITIONED BY (
  `account` string COMMENT 'The account whose log files these are.',
  `region` string COMMENT 'The Region of the log files.',
  `log_date` string COMMENT 'The day under which the log file is filed, in UTC, as YYYY/MM/DD.'
)
ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION '${trail}/AWSLogs/${organization}/'
TBLPROPERTIES (
  'classification' = 'cloudtrail',
  'projection.enabled' = 'true',
  'projection.account.type' = 'enum',
  'projection.account.values' = '${accounts}',
  'projection.region.type' = 'enum',
  'projection.region.values' = '${regions}',
  'projection.log_date.type' = 'date',
  'projection.log_date.format' = 'yyyy/MM/dd',
  'projection.log_date.range' = '2014/11/01,NOW',
  'projection.log_date.interval' = '1',
  'projection.log_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${trail}/AWSLogs/${organization}/${account}/CloudTrail/${region}/${log_date}/'
)
