//! Why a property, a property file or an override was refused.

/// Why a property, a property file or an override was refused. The texts are one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The value does not fit the property's type or validator.
    #[error("Invalid value {value} for configuration {name}: {reason}")]
    InvalidValue {
        /// The property.
        name: String,
        /// The refused value; `[hidden]` where it is secret.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A list breaks a rule of lists: duplicates, empty list, empty element, null.
    #[error("Configuration '{name}' {reason}")]
    InvalidList {
        /// The property.
        name: String,
        /// Which rule.
        reason: String,
    },
    /// A property without default was not set.
    #[error("Missing required configuration \"{name}\" which has no default value.")]
    Missing {
        /// The property.
        name: String,
    },
    /// A property file cannot be read as such.
    #[error("line {line}: {reason}")]
    Syntax {
        /// Number of the first physical line of the entry, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An override is not `name=value`.
    #[error("{text:?} is not of the form name=value")]
    Override {
        /// The override as given.
        text: String,
    },
}

impl Error {
    pub(super) fn invalid(name: &str, value: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::InvalidValue { name: name.to_owned(), value: value.into(), reason: reason.into() }
    }

    pub(super) fn list(name: &str, reason: impl Into<String>) -> Error {
        Error::InvalidList { name: name.to_owned(), reason: reason.into() }
    }
}
