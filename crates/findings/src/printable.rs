//! Text that policies, grants and names bring along, made fit to be shown.

use std::borrow::Cow;

/// The text with `U+FFFD` in the place of whatever a reader does not see: control characters, marks that turn the direction of writing, and other invisible ones. With
/// them two names can look the same, or a title say something else than it does.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_invisible) { Cow::Owned(text.replace(is_invisible, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Characters without a shape of their own. Source: Unicode Standard, general categories Cc, Cf, Zl and Zp, and property `Default_Ignorable_Code_Point`.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_shown_as_something_that_is_not_known() {
        for hidden in [
            '\u{1b}',
            '\n',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{890}',
            '\u{8e2}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2028}',
            '\u{2066}',
            '\u{feff}',
            '\u{fe0f}',
            '\u{110bd}',
            '\u{110cd}',
            '\u{1343f}',
            '\u{e0041}',
        ] {
            assert_eq!(printable(&format!("role/pay{hidden}roll")), "role/pay\u{fffd}roll", "{hidden:?}");
        }
    }

    #[test]
    fn what_is_seen_stays_in_every_script() {
        let text = "arn:aws:iam::111122223333:role/Überweisung – 支払い, ‚тест‘ \u{fffd}";
        assert!(matches!(printable(text), Cow::Borrowed(shown) if shown == text));
    }
}
