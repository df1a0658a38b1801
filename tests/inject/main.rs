//! `winpe-iscsi inject` and its companions, end to end, as a user runs them.

mod accumulate;
mod bad_input;
mod boots;
mod corpus;
mod demo;
mod diagnoses;
mod driver_packs;
mod drivers;
mod golden;
mod images;
mod iso;
mod job;
mod library;
mod machines;
mod output;
mod places;
mod profiles;
mod recipes;
mod record;
mod schemas;
mod secrets;
mod startup;
mod support;
mod targets;
mod wine;
