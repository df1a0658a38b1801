//! Tests of commits.

mod crash;
