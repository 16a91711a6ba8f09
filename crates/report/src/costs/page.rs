//! The cost review as a person reads it.

use super::{Answer, OfTag, Saving, Sums};
use crate::sheet::{Column, Sheet};

/// The most rows of a table.
const MOST_ROWS: usize = 30;

pub(super) fn sheet(answer: &Answer, tag: Option<&str>) -> Sheet {
    let mut sheet = Sheet::default();
    head(&mut sheet, answer);

    sheet.heading("By account");
    let rows = answer.accounts.iter().map(|of| [vec![of.account_id.clone(), of.account_name.clone().unwrap_or_default()], sums(&of.sums)].concat());
    table(&mut sheet, &[&[Column::Text("account"), Column::Text("name")], SUMS].concat(), rows.collect());

    sheet.heading(tag.map_or_else(|| "By tag".to_owned(), |tag| format!("By tag {tag}")));
    if answer.tags.is_empty() {
        sheet.sentence("No key is known to bear a tag.");
    } else if tag.is_none() {
        tags_in_use(&mut sheet, &answer.tags);
    } else {
        let rows = answer.tags.iter().map(|of| {
            let value = of.tag_value.clone().unwrap_or_else(|| format!("({})", of.tag_status));
            [vec![of.tag_key.clone(), value], sums(&of.sums)].concat()
        });
        table(&mut sheet, &[&[Column::Text("tag"), Column::Text("value")], SUMS].concat(), rows.collect());
        sheet.sentence("(untagged) is what does not bear the tag, (unknown) what nobody could read the tags of.");
    }

    sheet.heading(format!("What can be saved for certain: {} a month", dollars(answer.total.sums.recorded_savings_usd)));
    sheet.sentence("The records prove that these keys were not used. What lies encrypted under them they do not tell: disable a key first, and see who fails.");
    savings(&mut sheet, &answer.recorded_savings);

    sheet.heading(format!("What may be saved, and nobody knows: {} a month", dollars(answer.total.sums.possible_savings_usd)));
    sheet.sentence("Not a part of the sum above, and not to be added to it.");
    savings(&mut sheet, &answer.possible_savings);

    sheet.heading("The keys behind it");
    let rows = answer.keys.iter().map(|key| {
        let price = key.monthly_cost_usd.map_or_else(|| "unknown".to_owned(), dollars);
        let price = if key.cost_status == "assumed" { format!("{price} (assumed)") } else { price };
        let name = key.aliases.clone().filter(|aliases| !aliases.is_empty()).or_else(|| key.description.clone()).unwrap_or_default();
        vec![key.key_arn.clone(), name, price, key.saving_certainty.clone(), key.saving_reason.clone(), key.last_used_at.clone().unwrap_or_default()]
    });
    let columns = ["key", "alias or description"].map(Column::Text).into_iter();
    let columns: Vec<Column> = columns.chain([Column::Number("a month")]).chain(["certainty", "reason", "last known use"].map(Column::Text)).collect();
    table(&mut sheet, &columns, rows.collect());
    sheet
}

/// The tags, those that most keys bear first.
fn tags_in_use(sheet: &mut Sheet, tags: &[OfTag]) {
    let mut in_use: Vec<(&str, [u64; 2], [f64; 3])> = Vec::new();
    for of_tag in tags.chunk_by(|a, b| a.tag_key == b.tag_key) {
        let mut counts = [0, 0];
        let mut costs = [0.0, 0.0, 0.0];
        for of in of_tag {
            let place = match of.tag_status.as_str() {
                "tagged" => 0,
                "untagged" => 1,
                _ => 2,
            };
            costs[place] += of.sums.monthly_cost_usd;
            if place == 0 {
                counts = [counts[0] + of.sums.keys, counts[1] + 1];
            }
        }
        in_use.push((&of_tag[0].tag_key, counts, costs));
    }
    in_use.sort_by(|(a, [of_a, _], _), (b, [of_b, _], _)| of_b.cmp(of_a).then(a.cmp(b)));
    let rows =
        in_use.into_iter().map(|(tag, counts, costs)| [vec![tag.to_owned()], counts.map(|count| count.to_string()).into(), costs.map(dollars).into()].concat());
    let columns = ["keys with it", "values", "a month with it", "without it", "tags not read"].map(Column::Number);
    table(sheet, &[&[Column::Text("tag")], &columns[..]].concat(), rows.collect());
    sheet.sentence("Each tag divides the same bill; --tag KEY shows by which values.");
}

fn head(sheet: &mut Sheet, answer: &Answer) {
    let total = &answer.total;
    sheet.heading(format!("{} a month, {} a year", dollars(total.sums.monthly_cost_usd), dollars(total.yearly_cost_usd)));
    for snapshot in &answer.snapshots {
        let organization = snapshot.organization_id.as_ref().map(|id| format!(" of organization {id}")).unwrap_or_default();
        sheet.sentence(format!("As of the snapshot {}{organization}, run {} ({}).", snapshot.snapshot_date, snapshot.run_id, snapshot.status));
    }
    sheet.sentence("The keys' own fees by AWS's list price, without requests, discounts and taxes.");
    let lines = [
        ("customer managed keys", total.sums.keys.to_string()),
        ("their own fees", dollars(total.base_cost_usd)),
        ("surcharges for rotations", dollars(total.rotation_cost_usd)),
        ("of both for replicas of multi-Region keys", format!("{} for {}", dollars(total.replica_cost_usd), total.replicas)),
        ("of that with a surcharge that AWS does not document for replicas", dollars(total.assumed_cost_usd)),
        ("keys whose price is not known, in no sum", total.sums.keys_without_price.to_string()),
        ("keys that wait for their deletion, free until that is cancelled", total.keys_pending_deletion.to_string()),
        ("keys that AWS manages, free", total.aws_managed_keys.to_string()),
    ];
    sheet.table(&[Column::Text("what"), Column::Number("how much")], lines.map(|(what, how_much)| vec![what.to_owned(), how_much]).into());
}

const SUMS: &[Column] =
    &[Column::Number("keys"), Column::Number("without price"), Column::Number("a month"), Column::Number("saved for certain"), Column::Number("perhaps saved")];

fn sums(sums: &Sums) -> Vec<String> {
    let of_money = [sums.monthly_cost_usd, sums.recorded_savings_usd, sums.possible_savings_usd].map(dollars);
    [sums.keys, sums.keys_without_price].map(|count| count.to_string()).into_iter().chain(of_money).collect()
}

fn savings(sheet: &mut Sheet, savings: &[Saving]) {
    if savings.is_empty() {
        sheet.sentence("None.");
        return;
    }
    let rows = savings.iter().map(|saving| {
        let of_money = [saving.monthly_cost_usd, saving.yearly_cost_usd, saving.rotation_cost_usd, saving.replica_cost_usd].map(dollars);
        [vec![saving.reason.clone(), saving.keys.to_string(), saving.keys_without_price.to_string()], of_money.into()].concat()
    });
    let columns = ["keys", "without price", "a month", "a year", "of it for rotations", "of it for replicas"].map(Column::Number);
    table(sheet, &[&[Column::Text("reason")], &columns[..]].concat(), rows.collect());
}

/// The first rows, and how many there are besides.
fn table(sheet: &mut Sheet, columns: &[Column], mut rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        sheet.sentence("None.");
        return;
    }
    let more = rows.len().saturating_sub(MOST_ROWS);
    rows.truncate(MOST_ROWS);
    sheet.table(columns, rows);
    if more > 0 {
        sheet.sentence(format!("And {more} more, which --format json has."));
    }
}

/// `$1,234.00`
fn dollars(amount: f64) -> String {
    let text = format!("{amount:.2}");
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("${grouped}.{cents}")
}

#[cfg(test)]
mod tests {
    use super::dollars;

    #[test]
    fn dollars_are_told_with_cents_and_in_groups() {
        assert_eq!([0.0, 3.0, 999.5, 1000.0, 1_234_567.0].map(dollars), ["$0.00", "$3.00", "$999.50", "$1,000.00", "$1,234,567.00"]);
    }
}
