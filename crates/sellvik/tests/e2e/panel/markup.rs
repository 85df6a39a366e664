//! Reading the panel's pages: strict where browsers forgive, so that nothing hides in what they forgive.

use std::collections::BTreeSet;

/// An element's opening tag.
#[derive(Debug)]
pub struct Element {
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// An attribute's value, empty if it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(key, _)| key == name)
    }
}

/// A page, taken apart: what stands between tags, and the tags without their brackets.
fn parts(page: &str) -> Vec<(&str, &str)> {
    let mut rest = page;
    let mut parts = Vec::new();
    while let Some(start) = rest.find('<') {
        let (text, tag) = (&rest[..start], &rest[start + 1..]);
        let mut quoted = false;
        let end = tag.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let end = end.unwrap_or_else(|| panic!("a tag without an end: {tag}"));
        parts.push((text, &tag[..end]));
        rest = &tag[end + 1..];
    }
    parts.push((rest, ""));
    parts
}

fn resolved(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Every element, in the page's order.
pub fn elements(page: &str) -> Vec<Element> {
    let opening = parts(page).into_iter().map(|(_, tag)| tag);
    opening.filter(|tag| tag.starts_with(|c: char| c.is_ascii_alphabetic())).map(element).collect()
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(value) => value.split_once('"').unwrap_or_else(|| panic!("an open quote: {tag}")),
            None => ("", after),
        };
        assert!(after.is_empty() || after.starts_with(' '), "{tag}");
        attributes.push((key.to_owned(), resolved(value)));
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    Element { name: name.to_owned(), attributes }
}

/// What people read.
pub fn words(page: &str) -> String {
    let text: Vec<String> = parts(page).into_iter().map(|(text, _)| resolved(text)).collect();
    text.concat()
}

/// Fails unless a page runs and loads nothing but the panel's own script and style, its ids are unique,
/// its fields have labels, and its structure can be walked with a screen reader.
#[track_caller]
pub fn assert_sound(page: &str) {
    let all = elements(page);
    let mut ids = BTreeSet::new();
    for element in &all {
        assert!(element.name.bytes().all(|b| b.is_ascii_alphanumeric()), "{element:?}");
        for (name, value) in &element.attributes {
            assert!(!name.starts_with("on") && name != "style" && name != "srcdoc", "{element:?}");
            if matches!(name.as_str(), "href" | "src" | "action" | "formaction") {
                let own = (value.starts_with('/') && !value.starts_with("//")) || value.starts_with('#');
                let icon = element.get("rel") == "icon" && value == "data:,";
                assert!(own || icon || element.get("rel").contains("noopener"), "{element:?}");
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == ':' || c == '.';
            assert!(name.chars().all(plain), "{element:?}");
        }
        let banned = ["style", "iframe", "object", "embed", "base", "img", "link-import"];
        assert!(!banned.contains(&element.name.as_str()), "{element:?}");
        if element.name == "script" {
            assert!(element.get("src").starts_with("/panel-assets/"), "{element:?}");
        }
        if element.has("id") {
            assert!(ids.insert(element.get("id")), "twice: {element:?}");
        }
    }
    // What the script puts into a page is a part of one, and holds nothing that there is one of.
    let whole = usize::from(page.starts_with("<!DOCTYPE html><html lang=\"en\">"));
    for one in ["html", "script", "h1", "main"] {
        assert_eq!(all.iter().filter(|element| element.name == one).count(), whole, "{one}: {page}");
    }
    assert_refers(&all, &ids);
    assert_labelled(page, &all);
}

/// Whatever refers to an id finds it.
#[track_caller]
fn assert_refers(all: &[Element], ids: &BTreeSet<&str>) {
    for element in all {
        for attribute in ["for", "aria-describedby", "aria-labelledby", "aria-controls", "data-copy"] {
            for id in element.get(attribute).split_whitespace() {
                assert!(ids.contains(id), "{id} of {element:?}");
            }
        }
    }
}

/// Every field that people fill in has a label of its own.
#[track_caller]
fn assert_labelled(page: &str, all: &[Element]) {
    let labels: BTreeSet<&str> =
        all.iter().filter(|one| one.name == "label").map(|label| label.get("for")).collect();
    let mut open = false;
    for (_, tag) in parts(page) {
        match tag.split(' ').next().unwrap() {
            "label" => open = true,
            "/label" => open = false,
            "input" | "select" | "textarea" => {
                let field = element(tag);
                let named = open || labels.contains(field.get("id")) || field.has("aria-label");
                assert!(named || field.get("type") == "hidden", "{field:?} has no label");
            }
            _ => {}
        }
    }
}

#[test]
fn an_unsound_page_would_be_seen() {
    let page = |body: &str| {
        format!(
            "<!DOCTYPE html><html lang=\"en\"><script src=\"/panel-assets/x.js\"></script>\
             <main><h1>A</h1>{body}</main></html>"
        )
    };
    assert_sound(&page("<p class=\"a\">1 &lt; 2</p><label>Name<input name=\"n\"></label>"));
    for bad in [
        "<script>alert(1)</script>",
        "<p onclick=\"x\">",
        "<p style=\"x\">",
        "<img src=\"/x\">",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=\"//elsewhere.example\">x</a>",
        "<input name=\"n\">",
        "<h1>B</h1>",
        "<i id=\"a\"></i><b id=\"a\"></b>",
        "<label for=\"nothing\">x</label>",
        "<p title=\"a\"b\">",
    ] {
        let seen = std::panic::catch_unwind(|| assert_sound(&page(bad))).is_err();
        assert!(seen, "{bad}");
    }
}
