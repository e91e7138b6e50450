//! The macros of skysieve-sdk.
