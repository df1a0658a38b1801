//! Sources combined into one.

use std::sync::Arc;

use super::{File, FileRequest, FileSource, OpenError};

/// Several sources, asked in order until one has the file.
///
/// ```
/// use std::sync::Arc;
/// use winpe_netboot::files::{Catalog, File, FileRequest, FileSource, Layers};
///
/// let made = Catalog::new().with("boot.ipxe", File::from_bytes("#!ipxe\n"))?;
/// let files = Layers::new([Arc::new(made) as Arc<dyn FileSource>]);
/// let request = FileRequest {
///     path: &"/boot.ipxe".parse()?,
///     query: None,
///     client: [192, 168, 0, 181].into(),
///     local: [192, 168, 0, 10].into(),
/// };
/// assert_eq!(files.open(&request)?.len(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Layers(Vec<Arc<dyn FileSource>>);

impl Layers {
    /// Puts sources on top of each other, the first one uppermost.
    pub fn new(sources: impl IntoIterator<Item = Arc<dyn FileSource>>) -> Self {
        Self(sources.into_iter().collect())
    }
}

impl FileSource for Layers {
    /// Only a missing file leads to the next source: a file that may not be read hides those below,
    /// as it would if it could be read.
    fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError> {
        for source in &self.0 {
            match source.open(request) {
                Err(OpenError::NotFound) => {}
                found => return found,
            }
        }
        Err(OpenError::NotFound)
    }

    fn open_now(&self, request: &FileRequest<'_>) -> Option<Result<File, OpenError>> {
        for source in &self.0 {
            match source.open_now(request)? {
                Err(OpenError::NotFound) => {}
                found => return Some(found),
            }
        }
        Some(Err(OpenError::NotFound))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Catalog;
    use super::*;

    fn open(source: &impl FileSource, path: &str) -> Result<u64, OpenError> {
        let path = path.parse().unwrap();
        let (client, local) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        Ok(source.open(&FileRequest { path: &path, query: None, client, local })?.len())
    }

    #[test]
    fn the_uppermost_wins_and_a_refusal_hides_what_is_below() {
        struct Refuses;
        impl FileSource for Refuses {
            fn open(&self, request: &FileRequest<'_>) -> Result<File, OpenError> {
                let refused = request.path.as_str() == "secret";
                Err(if refused { OpenError::Outside } else { OpenError::NotFound })
            }
        }
        let upper = Catalog::new().with("a", File::from_bytes("upper")).unwrap();
        let lower = Catalog::new()
            .with("a", File::from_bytes("l"))
            .and_then(|files| files.with("b", File::from_bytes("lo")))
            .and_then(|files| files.with("secret", File::from_bytes("low")))
            .unwrap();
        let layers = Layers::new([
            Arc::new(upper) as Arc<dyn FileSource>,
            Arc::new(Refuses),
            Arc::new(lower),
        ]);
        assert_eq!(open(&layers, "a").unwrap(), 5);
        assert_eq!(open(&layers, "b").unwrap(), 2);
        assert!(matches!(open(&layers, "secret"), Err(OpenError::Outside)));
        assert!(matches!(open(&layers, "c"), Err(OpenError::NotFound)));
    }
}
