//! The report as one page that needs nothing but a browser.
//!
//! What a reader needs first is written as HTML: the summary, also without scripts. Then come the rows of the tables and the script that shows them, then what there
//! is to know of each key, in pieces of which the script opens the one that is asked for. All of it is written as it comes from the lake.

mod blocks;
mod charts;
mod keys;
mod page;
mod text;

use std::io::Write;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use self::blocks::Columns;
use super::{ReportError, reading::Reader, sections::SECTIONS, summary::Summary};

/// The page's looks.
const STYLE: &str = concat!(include_str!("style.css"), include_str!("print.css"));

/// The page's script: files that share one scope, in an order in which each names only what stands before it when it is read.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("js/text.js"),
    include_str!("js/dom.js"),
    include_str!("js/data.js"),
    include_str!("js/route.js"),
    include_str!("js/table.js"),
    include_str!("js/policy.js"),
    include_str!("js/finding.js"),
    include_str!("js/lists.js"),
    include_str!("js/key.js"),
    include_str!("js/printable.js"),
    include_str!("js/app.js"),
    "})();\n"
);

/// What the page may do: run this script, use this style, and nothing else. No request can leave it.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())));
    format!("default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'", hash(SCRIPT), hash(STYLE))
}

pub(super) async fn write<W: Write + Send>(reader: &Reader, out: &mut W) -> Result<(), ReportError> {
    let summary = Summary::read(reader).await?;
    out.write_all(page::head(&summary, &policy(), STYLE).as_bytes())?;
    out.write_all(page::body(&summary).as_bytes())?;
    blocks::write_value(out, "summary", &page::facts_for_script(&summary))?;
    for section in SECTIONS {
        let sql = section.narrow();
        let rows = if section.by_account { reader.stream_by_account(&sql).await? } else { reader.stream(&sql.replace("{shown}", reader.shown())).await? };
        Columns::write_all(out, section.name, rows).await?;
    }
    writeln!(out, "<script>{SCRIPT}</script>")?;
    keys::write(reader, out).await?;
    out.write_all(page::END.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_script_or_style_ends_their_elements() {
        for text in [SCRIPT, STYLE] {
            let lower = text.to_lowercase();
            assert!(!lower.contains("</script") && !lower.contains("</style") && !lower.contains("<!--"), "it would end there");
        }
    }

    #[test]
    fn the_script_makes_no_markup_of_values_and_asks_no_network() {
        for name in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "fetch(",
            "XMLHttpRequest",
            "WebSocket",
            "import(",
            "http://www",
            "setTimeout(\"",
        ] {
            assert!(!SCRIPT.contains(name), "{name}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
