//! The page, as it is built in.

/// Path, media type, content.
const FILES: &[(&str, &str, &[u8])] = &[
    ("/", "text/html; charset=utf-8", include_bytes!("index.html")),
    ("/page.css", "text/css; charset=utf-8", include_bytes!("page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_bytes!("page.js")),
    ("/icon.svg", "image/svg+xml", include_bytes!("icon.svg")),
];

/// A file of the page: its media type and content.
pub(super) fn find(path: &str) -> Option<(&'static str, &'static [u8])> {
    FILES.iter().find(|file| file.0 == path).map(|file| (file.1, file.2))
}
