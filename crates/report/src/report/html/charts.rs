//! Charts that are tables: a bar beside each number, so that whoever does not see the bars, or prints them in grey, misses nothing.

use std::fmt::Write as _;

use super::text::escaped;
use crate::report::wording::grouped;

/// A bar.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: u64,
    /// What is shown beside the bar, where that is not the value alone.
    pub(super) says: Option<String>,
    /// The bar's colour: a severity, `plain`, `good`, `bad`, or `unknown`, which is hatched.
    pub(super) kind: &'static str,
    /// Where the rows that it counts are.
    pub(super) route: Option<String>,
}

impl Bar {
    pub(super) fn new(label: impl Into<String>, value: u64, kind: &'static str) -> Self {
        Self { label: label.into(), value, says: None, kind, route: None }
    }

    pub(super) fn says(mut self, says: String) -> Self {
        self.says = Some(says);
        self
    }

    pub(super) fn to(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }
}

/// What a picture begins with: whoever does not see it misses nothing.
const SVG: &str = "<svg width=\"100%\" height=\"12\" aria-hidden=\"true\" focusable=\"false\"";

/// A chart with its title, a sentence on what it counts, and what the labels and the numbers are.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) note: &'a str,
    pub(super) heads: [&'a str; 2],
    pub(super) bars: Vec<Bar>,
    /// Whether the bars are parts of one whole, which is shown above them.
    pub(super) parts: bool,
    /// Whether it has so many bars that it stands beside two others.
    pub(super) long: bool,
}

/// A value as it stands in an address.
pub(super) fn in_address(value: &str) -> String {
    let mut address = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            address.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

/// A link where a route is, else text: `html` is escaped already.
pub(super) fn linked(route: Option<&str>, html: &str) -> String {
    match route {
        Some(route) => format!("<a href=\"#/{}\">{html}</a>", escaped(route)),
        None => html.to_owned(),
    }
}

// Shares of a chart's width need no more than what 52 bits hold.
#[allow(clippy::cast_precision_loss, reason = "a bar is not measured")]
fn share(value: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { value as f64 * 100.0 / of as f64 }
}

fn rectangle(html: &mut String, x: f64, width: f64, kind: &str) {
    let fill = if kind == "unknown" { " fill=\"url(#hatch)\"" } else { "" };
    // Writing to a String cannot fail.
    let _ = write!(html, "<rect class=\"fill-{kind}\" x=\"{x:.2}%\" width=\"{width:.2}%\" height=\"100%\"{fill}/>");
}

impl Chart<'_> {
    /// The figure.
    pub(super) fn html(&self) -> String {
        let mut html = format!(
            "<figure class=\"chart{}\"><figcaption><h3>{}</h3><p>{}</p></figcaption>",
            if self.long { " long" } else { "" },
            escaped(self.title),
            escaped(self.note)
        );
        let total: u64 = self.bars.iter().map(|bar| bar.value).sum();
        let most = self.bars.iter().map(|bar| bar.value).max().unwrap_or_default();
        if self.bars.is_empty() || most == 0 {
            html.push_str("<p class=\"nothing\">None.</p></figure>");
            return html;
        }
        if self.parts {
            let _ = write!(html, "{SVG} class=\"parts\">");
            let mut x = 0.0;
            for bar in &self.bars {
                let width = share(bar.value, total);
                rectangle(&mut html, x, width, bar.kind);
                x += width;
            }
            html.push_str("</svg>");
        }
        let [label, value] = self.heads;
        let _ = write!(
            html,
            "<table><thead><tr><th scope=\"col\">{}</th><td></td><th scope=\"col\" class=\"number\">{}</th></tr></thead><tbody>",
            escaped(label),
            escaped(value)
        );
        for bar in &self.bars {
            let says = bar.says.clone().unwrap_or_else(|| grouped(bar.value));
            let _ = write!(html, "<tr><th scope=\"row\">{}</th><td class=\"bar\">{SVG}>", linked(bar.route.as_deref(), &escaped(&bar.label)));
            rectangle(&mut html, 0.0, share(bar.value, most), bar.kind);
            let _ = write!(html, "</svg></td><td class=\"number\">{}</td></tr>", escaped(&says));
        }
        html.push_str("</tbody></table></figure>");
        html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_a_table_and_its_labels_are_text() {
        let bars = vec![Bar::new("<b>high</b>", 30, "high").to("findings?severity=high"), Bar::new("not known", 10, "unknown").says("10 keys".to_owned())];
        insta::assert_snapshot!(Chart { title: "Findings", note: "Open ones.", heads: ["severity", "findings"], bars, parts: true, long: false }.html());
    }

    #[test]
    fn a_value_means_only_itself_in_an_address() {
        assert_eq!(in_address("used, é&x=1#"), "used%2C%20%C3%A9%26x%3D1%23");
    }

    #[test]
    fn of_nothing_there_is_no_chart() {
        let chart = Chart {
            title: "Findings",
            note: "Open ones.",
            heads: ["severity", "findings"],
            bars: vec![Bar::new("high", 0, "high")],
            parts: false,
            long: false,
        };
        assert_eq!(chart.html(), "<figure class=\"chart\"><figcaption><h3>Findings</h3><p>Open ones.</p></figcaption><p class=\"nothing\">None.</p></figure>");
    }
}
