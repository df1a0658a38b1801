//! The network boot server against clients that others wrote.

mod files;
