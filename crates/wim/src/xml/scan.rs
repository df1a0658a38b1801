//! Limits of XML data, checked in one pass before they are parsed.
//!
//! The time of a parser may grow with the square of the attributes of an element, or with the
//! product of elements and namespaces. XML data of WIMs have one attribute in an element, six
//! levels, and no namespace, so a document with many of them is refused.

use super::BadXml;

/// Maximum number of attributes of one element.
const ATTRIBUTES: usize = 64;
/// Maximum depth of elements.
const DEPTH: usize = 64;
/// Maximum total of namespace declarations.
const NAMESPACES: usize = 16;
/// Maximum number of images: tools that back up into one WIM every day reach some hundred.
pub(super) const IMAGES: usize = 1024;

/// A tag without `<` and `>`, and the text after it.
struct Tag<'t> {
    text: &'t str,
    attributes: usize,
    namespaces: usize,
    rest: &'t str,
}

/// Refuses text that exceeds a limit. Text that is not XML may pass.
pub(super) fn check(text: &str) -> Result<(), BadXml> {
    let (mut depth, mut namespaces, mut images) = (0, 0, 0);
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let at = text.len() - rest.len() + start;
        rest = &rest[start + 1..];
        if let Some(after) = skip_other(rest) {
            rest = after;
            continue;
        }
        let tag = Tag::read(rest);
        rest = tag.rest;
        if tag.text.starts_with('/') {
            depth = usize::saturating_sub(depth, 1);
            continue;
        }
        depth += 1;
        namespaces += tag.namespaces;
        let is_image = depth == 2 && tag.text.split(ends_name).next() == Some("IMAGE");
        images += usize::from(is_image);
        let found = [
            (tag.attributes, ATTRIBUTES, "attributes in an element"),
            (depth, DEPTH, "levels of elements"),
            (namespaces, NAMESPACES, "namespaces"),
            (images, IMAGES, "images"),
        ];
        if let Some((_, limit, what)) = found.iter().find(|(count, limit, _)| count > limit) {
            let expected = format!("at most {limit} {what}");
            return Err(BadXml { expected, actual: format!("more, at byte {at}") });
        }
        if tag.text.ends_with('/') {
            depth -= 1;
        }
    }
    Ok(())
}

/// The text after a comment, a processing instruction or character data; `None` for a tag. A
/// document type is left to the parser, which refuses it.
fn skip_other(text: &str) -> Option<&str> {
    let others = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>"), ("!", ">")];
    let (start, end) = others.iter().find(|(start, _)| text.starts_with(start))?;
    let text = &text[start.len()..];
    Some(text.find(end).map_or("", |at| &text[at + end.len()..]))
}

fn ends_name(c: char) -> bool {
    c.is_ascii_whitespace() || c == '/'
}

impl<'t> Tag<'t> {
    /// Reads up to the first `>` outside quoted values.
    fn read(text: &'t str) -> Self {
        const NAMESPACE: &str = "xmlns";
        let mut tag = Self { text, attributes: 0, namespaces: 0, rest: "" };
        let mut quote = None;
        let mut unquoted = 0;
        for (at, byte) in text.bytes().enumerate() {
            match (byte, quote) {
                (b'"' | b'\'', None) => {
                    tag.namespaces += text[unquoted..at].matches(NAMESPACE).count();
                    quote = Some(byte);
                }
                (_, Some(open)) if byte == open => {
                    tag.attributes += 1;
                    unquoted = at + 1;
                    quote = None;
                }
                (b'>', None) => {
                    (tag.text, tag.rest) = (&text[..at], &text[at + 1..]);
                    break;
                }
                _ => {}
            }
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<String> {
        check(text).err().map(|bad| format!("{}: {}", bad.expected, bad.actual))
    }

    #[test]
    fn each_limit_has_two_sides() {
        let numbered = |count: usize, each: fn(usize) -> String| -> String {
            (0..count).map(each).collect::<Vec<_>>().join(" ")
        };
        let attributes = |count| format!("<WIM {}/>", numbered(count, |n| format!("a{n}='>'")));
        let deep = |count: usize| "<a>".repeat(count) + &"</a>".repeat(count);
        let spaces =
            |count| format!("<WIM {}/>", numbered(count, |n| format!("xmlns:a{n} = \"u{n}\"")));
        let one_each =
            |count| format!("<WIM>{}</WIM>", numbered(count, |n| format!("<a xmlns='{n}'></a>")));
        let images =
            |count| format!("<WIM>{}</WIM>", numbered(count, |n| format!("<IMAGE INDEX='{n}'/>")));
        type Make<'a> = &'a dyn Fn(usize) -> String;
        let cases: [(Make<'_>, usize, &str); 5] = [
            (&attributes, ATTRIBUTES, "at most 64 attributes in an element: more, at byte 0"),
            (&deep, DEPTH, "at most 64 levels of elements: more, at byte 192"),
            (&spaces, NAMESPACES, "at most 16 namespaces: more, at byte 0"),
            (&one_each, NAMESPACES, "at most 16 namespaces: more, at byte 299"),
            (&images, IMAGES, "at most 1024 images: more, at byte 21423"),
        ];
        for (make, limit, expected) in cases {
            assert_eq!(refusal(&make(limit)), None, "{limit}: {expected}");
            assert_eq!(refusal(&make(limit + 1)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn only_tags_count() {
        let inside = "<a>".repeat(100);
        for text in [
            format!("<WIM><!--{inside}--><IMAGE INDEX=\"1\"/></WIM>"),
            format!("<WIM><![CDATA[{inside}]]></WIM>"),
            format!("<WIM a='{inside}' b=\"'{inside}\"/>"),
            format!("<?xml {inside}?><WIM/>"),
            "<WIM><IMAGE/><IMAGES/></WIM>".to_owned(),
            "<WIM/>".repeat(100),
            // Unclosed markup is left to the parser.
            "<WIM a='".to_owned() + &inside,
            "<!--".to_owned() + &inside,
        ] {
            assert_eq!(refusal(&text), None, "{text}");
        }
    }
}
