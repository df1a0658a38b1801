//! `winpe-iscsi hive` as a user runs it: on generated hives, separate and inside an image.

mod apply;
mod bench;
mod change;
mod mend;
mod names;
mod read;
mod recover;
mod roots;
mod single;
