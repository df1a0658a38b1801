//! Numeric character references, as `&#38;`, which wimlib refuses.

use std::borrow::Cow;

/// The text with each numeric reference replaced by its character, or by a named reference where markup would
/// begin. In comments, character data and processing instructions there are no references.
pub(super) fn named(text: &str) -> Cow<'_, str> {
    if !text.contains("&#") {
        return text.into();
    }
    let mut new = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<']) {
        new.push_str(&rest[..at]);
        rest = &rest[at..];
        let literal = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
        let literal = literal.iter().find(|(start, _)| rest.starts_with(start));
        if let Some((start, end)) = literal {
            let len = rest[start.len()..].find(end).map(|at| start.len() + at + end.len());
            let (inside, after) = rest.split_at(len.unwrap_or(rest.len()));
            new.push_str(inside);
            rest = after;
        } else if let Some((character, after)) = numeric(rest) {
            push(character, &mut new);
            rest = after;
        } else {
            new.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    new.push_str(rest);
    new.into()
}

/// The character of a numeric reference at the start, and the text after it.
fn numeric(text: &str) -> Option<(char, &str)> {
    let (digits, after) = text.strip_prefix("&#")?.split_once(';')?;
    let code = match digits.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    Some((char::from_u32(code.ok()?)?, after))
}

fn push(character: char, text: &mut String) {
    match character {
        '&' => text.push_str("&amp;"),
        '<' => text.push_str("&lt;"),
        '>' => text.push_str("&gt;"),
        '"' => text.push_str("&quot;"),
        '\'' => text.push_str("&apos;"),
        other => text.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_references_get_names() {
        for (text, expected) in [
            ("<N>a &#38; b</N>", "<N>a &amp; b</N>"),
            ("<N>&#x26;&#x3C;&#62;</N>", "<N>&amp;&lt;&gt;</N>"),
            ("<N a='&#39;&#34;'>&#228;&#x1f600;</N>", "<N a='&apos;&quot;'>\u{e4}\u{1f600}</N>"),
            ("<N>&amp;#38; &#xx; &#; &#38</N>", "<N>&amp;#38; &#xx; &#; &#38</N>"),
            (
                "<!--&#38;--><![CDATA[&#38;]]><?x &#38;?>&#65;",
                "<!--&#38;--><![CDATA[&#38;]]><?x &#38;?>A",
            ),
            ("&#38;#38;", "&amp;#38;"),
            ("<!-- &#38;", "<!-- &#38;"),
            ("none", "none"),
        ] {
            assert_eq!(named(text), expected, "{text}");
            assert_eq!(named(&named(text)), expected, "{text}");
        }
    }
}
