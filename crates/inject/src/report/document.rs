//! JSON output: of one image its report or verdict, of all images a list.

use schemars::JsonSchema;
use serde::Serialize;

/// JSON output: the report or verdict of one image, or a list for all images, which has the key `images`.
///
/// ```
/// use winpe_inject::Document;
/// let text = |document: Document<&u8>| serde_json::to_string(&document);
/// assert_eq!(text(Document::of(&[7], false))?, "7");
/// assert_eq!(text(Document::of(&[7], true))?, r#"{"schema":1,"images":[7]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Document")]
pub enum Document<T> {
    /// Of one image.
    One(T),
    /// Of all images, even if there is only one.
    All {
        /// The version of this structure.
        schema: u32,
        /// In the order of the WIM.
        images: Vec<T>,
    },
}

impl<'a, T> Document<&'a T> {
    /// The document for these images; `all` if all of them were asked for.
    #[must_use]
    pub fn of(each: &'a [T], all: bool) -> Self {
        match each {
            [one] if !all => Self::One(one),
            each => Self::All { schema: 1, images: each.iter().collect() },
        }
    }
}
