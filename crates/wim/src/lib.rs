//! WIM images.
