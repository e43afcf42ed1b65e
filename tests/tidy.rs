//! Rules of the tree, kept by a test.
