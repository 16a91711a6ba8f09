-- What do rotations and replicas of multi-Region keys add to the bill of each account?
SELECT
    c.account_id,
    c.account_name,
    sum(c.monthly_cost_usd) AS monthly_cost_usd,
    sum(c.rotation_cost_usd) AS rotation_cost_usd,
    count(CASE WHEN c.rotation_cost_usd > 0 THEN 1 END) AS keys_with_surcharge,
    count(CASE WHEN c.multi_region_type = 'REPLICA' THEN 1 END) AS replicas,
    sum(CASE WHEN c.multi_region_type = 'REPLICA' THEN c.monthly_cost_usd END) AS replica_cost_usd,
    count(CASE WHEN c.cost_status = 'assumed' THEN 1 END) AS replicas_with_assumed_price,
    count(CASE WHEN c.cost_status = 'unknown' THEN 1 END) AS keys_without_price
FROM "kms_insights_database".key_costs AS c
WHERE COALESCE(c.manager, 'CUSTOMER') = 'CUSTOMER'
GROUP BY c.account_id, c.account_name
ORDER BY COALESCE(sum(c.monthly_cost_usd), 0.0) DESC, c.account_id
