//! winpe-iscsi.

fn main() {}
