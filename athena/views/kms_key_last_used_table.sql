-- When was each key last used, for what? One row per key. keyid is the ARN of a multi-Region key, whose id its Regions share. eventtime is null where no use is recorded, and verdict says whether that means never_used or unknown. There may have been a later use than that: unused_since is from when on there was none for certain, null where nobody can tell.
CREATE OR REPLACE VIEW kms_key_last_used_table AS
SELECT
    -- The Regions of a multi-Region key share its id: its ARN tells them apart where queries of the AWS workshop join on keyid.
    CASE WHEN u.key_id LIKE 'mrk-%' THEN u.key_arn ELSE u.key_id END AS keyid,
    u.account_id AS accountnumber,
    u.region,
    u.key_arn AS keyarn,
    u.last_used_at AS eventtime,
    u.principal AS username,
    u.operation AS eventname,
    u.resource,
    u.unused_since,
    u.verdict,
    u.reason,
    u.evidence,
    u.status,
    u.snapshot_date,
    u.run_id
FROM key_last_used u
JOIN latest_run r ON u.snapshot_date = r.snapshot_date AND u.run_id = r.run_id
