//! What the program writes, and to whom: a terminal, a pipe, a reader that has left, a file that may not grow.

mod closed;
mod kills;
mod limits;
mod shown;
mod support;
