//! Where boots are shown: the page in a browser, the API, the metrics, the terminal.

mod answers;
mod faults;
mod logins;
mod machines;
mod page;
mod program;
mod running;
mod serving;
