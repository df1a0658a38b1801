//! `.reg` text to edits and back.
