use std::io::Read;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::ZlibDecoder;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::{
    Format,
    fixture::{FORMULA, SCRIPT, engine},
    write,
};

async fn report(format: Format) -> String {
    let (_folder, engine) = engine().await;
    let mut out = Vec::new();
    write(engine, format, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

/// The page, written once for all tests that look at it.
async fn page() -> &'static str {
    static PAGE: OnceCell<String> = OnceCell::const_new();
    PAGE.get_or_init(|| report(Format::Html)).await
}

/// The pieces of the page's data, opened.
fn pieces(page: &str) -> Map<String, Value> {
    let mut pieces = Map::new();
    for element in page.split("<script type=\"application/x-kms-insights\" data-part=\"").skip(1) {
        let (part, rest) = element.split_once('"').unwrap();
        let body = rest.split_once('>').unwrap().1.split_once("</script>").unwrap().0;
        let mut text = String::new();
        ZlibDecoder::new(BASE64_STANDARD.decode(body).unwrap().as_slice()).read_to_string(&mut text).unwrap();
        assert!(pieces.insert(part.to_owned(), serde_json::from_str(&text).unwrap()).is_none(), "{part} in two pieces");
    }
    pieces
}

#[tokio::test]
async fn markdown_is_the_summary_with_what_is_not_known() {
    insta::assert_snapshot!(report(Format::Markdown).await);
}

#[tokio::test]
async fn csv_is_the_findings_with_what_is_known_of_their_keys() {
    let csv = report(Format::Csv).await;
    assert!(csv.contains(&format!("'{FORMULA}")), "{csv}");
    insta::assert_snapshot!(csv);
}

#[tokio::test]
async fn json_is_one_object_with_the_summary_and_the_views() {
    let report: Value = serde_json::from_str(&report(Format::Json).await).unwrap();
    insta::assert_json_snapshot!(report);
}

#[tokio::test]
async fn the_page_says_the_summary_in_html_and_nothing_of_it_is_markup_of_others() {
    let page = page().await;
    assert!(!page.contains("alert(1)</script>"), "a text of others ends an element");
    let summary = page.split_once("<main ").unwrap().1.split_once("<section id=\"view\"").unwrap().0;
    insta::assert_snapshot!(summary.replace("><", ">\n<"));
}

#[tokio::test]
async fn the_page_holds_everything_about_each_key() {
    let pieces = pieces(page().await);
    let names: Vec<&String> = pieces.keys().collect();
    insta::assert_json_snapshot!("parts_of_the_page", names);
    insta::assert_json_snapshot!("pages_of_keys", pieces["key_pages"]);
    insta::assert_json_snapshot!("table_of_findings", pieces["findings"]);
    assert!(pieces["key_pages"].to_string().contains(&serde_json::to_string(SCRIPT).unwrap()[1..]));
}

#[tokio::test]
async fn the_page_admits_its_own_script_and_style_and_nothing_else() {
    let page = page().await;
    let policy = page.split_once("http-equiv=\"Content-Security-Policy\" content=\"").unwrap().1.split_once('"').unwrap().0;
    let rules: Vec<&str> = policy.split("; ").map(|rule| rule.split_once(" 'sha256-").map_or(rule, |(name, _)| name)).collect();
    assert_eq!(rules, ["default-src 'none'", "script-src", "style-src", "img-src data:", "base-uri 'none'", "form-action 'none'"]);
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains(" style=") && !page.contains(" onclick="));
}

#[test]
fn formats_read_back_from_their_names() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert_eq!("pdf".parse::<Format>().map_err(|error| error.to_string()), Err("\"pdf\" is not a format (html, json, csv, markdown)".to_owned()));
}
