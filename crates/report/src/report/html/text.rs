//! Text of others in a page.

use kms_insights_query::printable;

/// Text as HTML, in an element or in a quoted attribute: nothing of it is markup, and what nobody would see, or would turn the direction of writing, is shown as its escape.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup_in_an_element_or_an_attribute() {
        assert_eq!(
            escaped("</script><img src=x onerror='a(\"b\")'>&amp;\u{202e}\u{2028}\u{1b}"),
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;amp;\\u{202e}\\u{2028}\\u{1b}"
        );
    }
}
