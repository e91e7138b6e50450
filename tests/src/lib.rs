//! End-to-end tests of Skysieve and their harness.
