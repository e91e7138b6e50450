//! The commands that astronomers and surveys run. They are one executable, because linking each takes seconds, and because
//! tests that wait leave room for others.

mod catalog;
mod check;
mod consume;
mod fields;
mod large;
mod new;
mod offsets;
mod pipes;
mod produce;
mod subscribers;
mod terminal;
mod watching;
