//! Messages to the filter's author. The host keeps a limited number of them.

/// The importance of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Details for finding a mistake.
    Debug,
    /// Something worth knowing.
    Info,
    /// Something looks wrong.
    Warn,
    /// Something went wrong.
    Error,
}

/// Passes a message to the host; in native builds it goes to stderr.
#[cfg(not(target_family = "wasm"))]
pub fn log(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
}

/// Passes a message to the host.
#[cfg(target_family = "wasm")]
pub fn log(level: Level, message: &str) {
    use crate::bindings::skysieve::filter::logging;
    let level = match level {
        Level::Debug => logging::Level::Debug,
        Level::Info => logging::Level::Info,
        Level::Warn => logging::Level::Warn,
        Level::Error => logging::Level::Error,
    };
    logging::log(level, message);
}

/// Logs a message of level info: `log!("mag {}", alert.mag)`.
#[macro_export]
macro_rules! log {
    ($($message:tt)+) => { $crate::__private::log($crate::Level::Info, &::std::format!($($message)+)) };
}

/// Logs a message of level debug: `debug!("mag {}", alert.mag)`.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::__private::log($crate::Level::Debug, &::std::format!($($message)+)) };
}

/// Logs a message of level warn: `warn!("mag {}", alert.mag)`.
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::__private::log($crate::Level::Warn, &::std::format!($($message)+)) };
}

/// Logs a message of level error: `error!("mag {}", alert.mag)`.
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::__private::log($crate::Level::Error, &::std::format!($($message)+)) };
}
