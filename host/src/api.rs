//! HTTP: uploads, status, metrics, health.
