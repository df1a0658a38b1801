//! Whether a client's copy is as good as ours (RFC 9110, section 13).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::{HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE};

use crate::files::File;

/// What distinguishes versions of a file: an entity tag and a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) tag: String,
    /// In whole seconds, as HTTP has them.
    pub(super) modified: SystemTime,
}

impl Version {
    /// None for a file that is made on demand, which may be another each time.
    pub(super) fn of(file: &File) -> Option<Self> {
        let since = file.modified()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            tag: format!("\"{:x}-{:x}\"", since.as_nanos(), file.len()),
            modified: UNIX_EPOCH + Duration::from_secs(since.as_secs()),
        })
    }

    /// Whether the client has this version already.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        if let Some(tags) = text(headers, &IF_NONE_MATCH) {
            return tags
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag);
        }
        let since =
            text(headers, &IF_MODIFIED_SINCE).and_then(|d| httpdate::parse_http_date(d).ok());
        since.is_some_and(|since| self.modified <= since)
    }

    /// Whether a part of this version completes what the client has.
    pub(super) fn continues(&self, headers: &HeaderMap) -> bool {
        let Some(known) = text(headers, &IF_RANGE) else { return true };
        known == self.tag || httpdate::parse_http_date(known).is_ok_and(|d| d == self.modified)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version() -> Version {
        Version {
            tag: "\"5-7\"".to_owned(),
            modified: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        }
    }

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_known_tag_or_date() {
        let version = version();
        let known = |name, value| version.is_known(&with(name, value));
        assert!(known(IF_NONE_MATCH, "\"5-7\""));
        assert!(known(IF_NONE_MATCH, "\"a\", W/\"5-7\""));
        assert!(known(IF_NONE_MATCH, "*"));
        assert!(!known(IF_NONE_MATCH, "\"5-8\""));
        assert!(known(IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:20 GMT"));
        assert!(!known(IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:19 GMT"));
        assert!(!known(IF_MODIFIED_SINCE, "yesterday"));
        assert!(!version.is_known(&HeaderMap::new()));
    }

    #[test]
    fn a_part_of_another_version_is_of_no_use() {
        let version = version();
        assert!(version.continues(&HeaderMap::new()));
        assert!(version.continues(&with(IF_RANGE, "\"5-7\"")));
        assert!(version.continues(&with(IF_RANGE, "Tue, 14 Nov 2023 22:13:20 GMT")));
        assert!(!version.continues(&with(IF_RANGE, "\"5-8\"")));
        assert!(!version.continues(&with(IF_RANGE, "Tue, 14 Nov 2023 22:13:21 GMT")));
    }
}
