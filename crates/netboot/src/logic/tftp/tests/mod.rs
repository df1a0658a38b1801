//! Whole transfers over a simulated network.

mod simulation;

use super::{Limits, Outcome, Progress, Transfer, negotiate};
