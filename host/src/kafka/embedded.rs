//! A broker in this process, what fills it without outrunning its readers, and what reads many topics at once: for the
//! demo and for tests.

pub(super) mod broker;
pub(super) mod feeder;
pub(super) mod subscriber;
