//! Made-up alerts.
