-- What would go from the monthly bill with the keys that look unneeded, by account and reason, and how sure is that? key_costs has the keys themselves and costs_by_tag the same by tag. Each key counts once, under the first reason that holds. certainty is recorded where the records prove it, for a multi-Region key in all its Regions: an old use proves nothing unless it is known that there was none since. What is unknown saves nothing for certain. base_cost_usd and rotation_cost_usd are the parts of monthly_cost_usd, and replica_cost_usd is what of it is for replicas of multi-Region keys. Keys whose price is not known are counted apart, and are in no sum.
CREATE OR REPLACE VIEW monthly_savings AS
SELECT
    c.account_id,
    c.account_name,
    c.saving_reason AS reason,
    c.saving_certainty AS certainty,
    count(*) AS keys,
    count(*) - count(c.monthly_cost_usd) AS keys_without_price,
    sum(c.monthly_cost_usd) AS monthly_cost_usd,
    12 * sum(c.monthly_cost_usd) AS yearly_cost_usd,
    sum(c.base_cost_usd) AS base_cost_usd,
    sum(c.rotation_cost_usd) AS rotation_cost_usd,
    count(CASE WHEN c.multi_region_type = 'REPLICA' THEN 1 END) AS replicas,
    sum(CASE WHEN c.multi_region_type = 'REPLICA' THEN c.monthly_cost_usd END) AS replica_cost_usd,
    c.snapshot_date,
    c.run_id
FROM key_costs c
WHERE c.saving_reason IS NOT NULL
GROUP BY c.account_id, c.account_name, c.saving_reason, c.saving_certainty, c.snapshot_date, c.run_id
