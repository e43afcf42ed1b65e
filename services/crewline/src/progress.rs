//! What takes long tells on standard error how far it is.

use std::cell::Cell;
use std::fmt::Arguments;
use std::io::{IsTerminal, Write, stderr};

/// How far something is. Numbers are shown only where somebody looks.
#[derive(Debug, Default)]
pub struct Progress {
    counting: Cell<bool>,
}

impl Progress {
    /// Something begins.
    pub fn begins(&self, what: Arguments<'_>) {
        self.counted();
        eprintln!("{what}");
    }

    /// It is so far.
    pub fn count(&self, so_far: Arguments<'_>) {
        if stderr().is_terminal() {
            self.counting.set(true);
            // Nothing depends on it.
            let _shown = write!(stderr(), "\r{so_far}");
        }
    }

    /// The last number stays.
    pub fn counted(&self) {
        if self.counting.take() {
            eprintln!();
        }
    }
}
