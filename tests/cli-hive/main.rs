//! `winpe-iscsi hive`, as a user runs it: on hives made here, alone and inside an image.

mod bench;
mod change;
mod names;
mod read;
mod recover;
mod roots;
