-- Who used which key on which day, by which operation, on which resource, as the log files record it that a scan by SQL reads? The rows of key_usage_daily, the scan's second step.
-- trail_files.sql says what to replace, and comes first: those log files count that it wrote down. Of an event that a log file of an earlier scan holds too, that scan counted it.
WITH calls AS (
    SELECT
        r.eventname AS event_name,
        date_trunc('second', CAST(try(from_iso8601_timestamp(r.eventtime)) AT TIME ZONE 'UTC' AS timestamp(3))) AS event_at,
        r.eventid AS id,
        -- The records of two accounts of one event share an id.
        coalesce(r.sharedeventid, r.eventid) AS shared_id,
        -- The caller's record knows the role.
        r.sharedeventid IS NOT NULL AND coalesce(r.useridentity.accountid <> r.recipientaccountid, false) AS is_owners,
        coalesce(r.recipientaccountid, r.useridentity.accountid, '') AS recorded_by,
        -- The role and not its session, the user, the service that called on its own, the account; else whatever tells callers apart.
        coalesce(
            r.useridentity.sessioncontext.sessionissuer.arn,
            regexp_replace(r.useridentity.arn, '^arn:([^:]+):sts:[^:]*:([^:]*):assumed-role/([^/]*).*$', 'arn:$1:iam::$2:role/$3'),
            CASE WHEN r.useridentity.type = 'AWSService' THEN r.useridentity.invokedby END,
            r.useridentity.accountid,
            r.useridentity.principalid,
            r.useridentity.username,
            r.useridentity.invokedby,
            ''
        ) AS principal,
        nullif(r.useridentity.invokedby, '') AS invoked_by,
        r.errorcode IS NOT NULL AS has_failed,
        filter(transform(coalesce(r.resources, ARRAY[]), listed -> listed.arn), arn -> strpos(arn, ':key/') > 0) AS listed_keys,
        json_extract_scalar(r.responseelements, '$.keyId') AS answered_key,
        -- What the request calls keys: an ARN, or the id or alias of one in the account and Region of the record.
        transform(
            ARRAY['$.keyId', '$.sourceKeyId', '$.destinationKeyId'],
            member -> nullif(json_extract_scalar(r.requestparameters, member), '')
        ) AS named_keys,
        concat(
            CASE
                WHEN r.awsregion LIKE 'cn-%' THEN 'arn:aws-cn:kms:'
                WHEN r.awsregion LIKE 'us-gov-%' THEN 'arn:aws-us-gov:kms:'
                WHEN r.awsregion LIKE 'eusc-%' THEN 'arn:aws-eusc:kms:'
                WHEN r.awsregion LIKE 'us-isob-%' THEN 'arn:aws-iso-b:kms:'
                WHEN r.awsregion LIKE 'us-isof-%' THEN 'arn:aws-iso-f:kms:'
                WHEN r.awsregion LIKE 'eu-isoe-%' THEN 'arn:aws-iso-e:kms:'
                WHEN r.awsregion LIKE 'us-iso-%' THEN 'arn:aws-iso:kms:'
                ELSE 'arn:aws:kms:'
            END,
            r.awsregion,
            ':',
            coalesce(r.recipientaccountid, r.useridentity.accountid),
            ':'
        ) AS place,
        transform(
            ARRAY['$.encryptionContext', '$.sourceEncryptionContext', '$.destinationEncryptionContext'],
            member -> TRY_CAST(json_extract(r.requestparameters, member) AS map(varchar, varchar))
        ) AS contexts,
        f.is_new,
        f.path
    FROM "kms_insights_database"."cloudtrail_logs" r
    JOIN (
        SELECT concat(t.source, '/', t.path) AS path, bool_and(t.scan_id = '${scan_id}') AS is_new
        FROM "kms_insights_database"."trail_files" t
        LEFT JOIN "kms_insights_database"."trail_scans" s ON t.scan_id = s.scan_id
        WHERE t.log_date BETWEEN '${since}' AND '${until}'
          AND (t.scan_id = '${scan_id}' OR (s.scan_id IS NOT NULL AND t.status <> 'unread'))
        GROUP BY t.source, t.path
    ) f ON r."$path" = f.path
    WHERE r.log_date BETWEEN replace('${since}', '-', '/') AND replace('${until}', '-', '/')
      AND r.eventsource = 'kms.amazonaws.com'
      AND r.eventname IN (
        'Decapsulate', 'Decrypt', 'DeriveSharedSecret', 'Encapsulate', 'Encrypt', 'GenerateDataKey', 'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext',
        'GenerateDataKeyWithoutPlaintext', 'GenerateMac', 'ReEncrypt', 'Sign', 'Verify', 'VerifyMac'
      )
),
events AS (
    SELECT
        c.*,
        coalesce(element_at(c.listed_keys, 1), c.named_arns[2]) AS source_key,
        -- Of one key that is listed alone an alias is another name: another key would be listed beside it.
        CASE
            WHEN cardinality(c.listed_keys) = 1 AND strpos(c.named_keys[3], 'alias/') > 0 THEN c.listed_keys[1]
            ELSE coalesce(element_at(c.listed_keys, 2), c.named_arns[3])
        END AS destination_key,
        CASE
            WHEN cardinality(c.listed_keys) > 0 THEN array_distinct(c.listed_keys)
            WHEN strpos(c.answered_key, ':key/') > 0 THEN ARRAY[c.answered_key]
            ELSE ARRAY[c.named_arns[1]]
        END AS keys
    FROM (
        SELECT
            d.*,
            transform(
                d.named_keys,
                key -> CASE WHEN key LIKE 'arn:%' THEN key WHEN key LIKE 'alias/%' THEN concat(d.place, key) ELSE concat(d.place, 'key/', key) END
            ) AS named_arns,
            -- CloudTrail may deliver an event again, and records it in two accounts where the caller's is not the key's: then the caller's record counts, if it is read. What an earlier scan
            -- counted by whichever record counts no more.
            row_number() OVER (PARTITION BY d.shared_id ORDER BY d.is_new, d.is_owners, d.recorded_by, d.path) AS delivery
        FROM calls d
        WHERE d.event_at IS NOT NULL
          AND d.id <> ''
    ) c
    WHERE c.delivery = 1
),
uses AS (
    SELECT
        e.*,
        t.key_arn,
        -- The members of an encryption context by which services name their resource, the most telling first.
        nullif(element_at(flatten(transform(t.of_key, context -> filter(transform(
            ARRAY[
                'aws:s3:arn', 'aws:ebs:id', 'aws:rds:db-id', 'aws:rds:dbc-id', 'aws:dynamodb:tableName', 'SecretARN', 'PARAMETER_ARN', 'aws:lambda:FunctionArn',
                'aws:sqs:arn', 'aws:sns:topicArn', 'aws:logs:arn', 'aws:cloudtrail:arn', 'aws:ecr:arn', 'aws:redshift:arn', 'aws:redshift-serverless:arn',
                'aws:elasticfilesystem:filesystem:id', 'aws:kinesis:arn', 'aws:cassandra:tableName', 'aws:events:event-bus:arn', 'aws:states:stateMachineArn',
                'aws:backup:backup-vault', 'aws:codecommit:id', 'aws:workmail:arn', 'aws:workspaces:sid-directoryid', 'aws:pi:service',
                'aws:scheduler:schedule:arn', 'aws:sso:instance-arn', 'aws:bedrock:arn', 'glue_catalog_id'
            ],
            -- Of an object in S3 its bucket.
            member -> CASE member WHEN 'aws:s3:arn' THEN split_part(element_at(context, member), '/', 1) ELSE element_at(context, member) END
        ), value -> value IS NOT NULL))), 1), '') AS resource
    FROM events e
    -- ReEncrypt touches two keys, each with its own context; with one key on both sides it is one use, on what is encrypted from now on.
    CROSS JOIN UNNEST(CASE
        WHEN e.event_name <> 'ReEncrypt' THEN transform(e.keys, key -> ROW(key, ARRAY[e.contexts[1]]))
        WHEN e.source_key = e.destination_key THEN ARRAY[ROW(e.source_key, ARRAY[e.contexts[3], e.contexts[2]])]
        ELSE ARRAY[ROW(e.source_key, ARRAY[e.contexts[2]]), ROW(e.destination_key, ARRAY[e.contexts[3]])]
    END) AS t (key_arn, of_key)
    WHERE t.key_arn IS NOT NULL
),
daily AS (
    SELECT
        date_format(u.event_at, '%Y-%m-%d') AS event_date,
        u.key_arn,
        u.principal,
        u.event_name,
        u.resource,
        u.invoked_by,
        u.recorded_by,
        count_if(u.is_new AND NOT u.has_failed) AS uses,
        count_if(u.is_new AND u.has_failed) AS errors,
        min(u.event_at) FILTER (WHERE u.is_new) AS first_at,
        max(u.event_at) FILTER (WHERE u.is_new) AS last_at,
        max(u.event_at) FILTER (WHERE u.is_new AND NOT u.has_failed) AS last_used_at
    FROM uses u
    GROUP BY date_format(u.event_at, '%Y-%m-%d'), u.key_arn, u.principal, u.event_name, u.resource, u.invoked_by, u.recorded_by
)
SELECT
    '${scan_id}' AS scan_id,
    d.key_arn,
    regexp_replace(d.key_arn, '^(?:[^:]*:){5}(?:key/)?', '') AS key_id,
    split_part(d.key_arn, ':', 5) AS account_id,
    split_part(d.key_arn, ':', 4) AS region,
    d.principal,
    d.event_name,
    d.resource,
    d.invoked_by,
    d.recorded_by,
    d.uses,
    d.errors,
    d.first_at,
    d.last_at,
    d.last_used_at,
    d.event_date
FROM daily d
WHERE d.uses + d.errors > 0
