use schemars::JsonSchema;
use serde::Serialize;

/// What machines read: of one image what is to say of it, of all images a list. They are told apart by
/// `images`.
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
    /// Of all images, also where there is but one.
    All {
        /// The version of this structure.
        schema: u32,
        /// In the order of the WIM.
        images: Vec<T>,
    },
}

impl<'a, T> Document<&'a T> {
    /// What there is to say of each image; `all` where all of them were asked for.
    #[must_use]
    pub fn of(each: &'a [T], all: bool) -> Self {
        match each {
            [one] if !all => Self::One(one),
            each => Self::All { schema: 1, images: each.iter().collect() },
        }
    }
}
