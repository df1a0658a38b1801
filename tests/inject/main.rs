//! `winpe-iscsi inject` and its companions, end to end, as a user runs them.

mod bad_input;
mod corpus;
mod demo;
mod drivers;
mod golden;
mod images;
mod iso;
mod job;
mod places;
mod profiles;
mod recipes;
mod record;
mod schemas;
mod secrets;
mod startup;
mod support;
mod wine;
