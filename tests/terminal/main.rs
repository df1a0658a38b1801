//! Output of the program to a terminal, a pipe, a closed pipe, and a file that may not grow.

mod closed;
mod kills;
mod limits;
mod shown;
mod support;
