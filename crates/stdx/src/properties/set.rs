//! Names and texts of properties, from a file and overrides.

use super::{Error, file};
use std::collections::BTreeMap;

/// Names and texts of properties in the order of the names. Nothing is parsed yet: a [`super::Table`] does that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    entries: BTreeMap<String, String>,
}

impl Properties {
    /// The entries of a `.properties` file. A name that stands twice has its last value.
    pub fn parse_file(text: &str) -> Result<Properties, Error> {
        Ok(Properties { entries: file::parse(text)?.into_iter().collect() })
    }

    /// Applies an override `name=value` from a command line. The value may be empty and may hold further `=`.
    pub fn apply_override(&mut self, text: &str) -> Result<(), Error> {
        let malformed = || Error::Override { text: text.to_owned() };
        let (name, value) = text.split_once('=').ok_or_else(malformed)?;
        let name = name.trim();
        if name.is_empty() {
            return Err(malformed());
        }
        self.set(name, value.trim());
        Ok(())
    }

    /// Sets a property.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.entries.insert(name.into(), value.into());
    }

    /// Sets a property unless it is set.
    pub fn set_default(&mut self, name: &str, value: &str) {
        if !self.contains(name) {
            self.set(name, value);
        }
    }

    /// Removes a property and returns its text.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        self.entries.remove(name)
    }

    /// The text of a property.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(String::as_str)
    }

    /// Whether a property is set.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Names and texts in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for Properties {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(entries: I) -> Properties {
        Properties { entries: entries.into_iter().map(|(name, text)| (name.into(), text.into())).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_win_and_order_is_by_name() {
        let mut set = Properties::parse_file("b=1\na=2\nb=3\n").expect("well formed");
        set.apply_override("a= x=y ").expect("well formed");
        set.apply_override("c=").expect("well formed");
        assert_eq!(set.iter().collect::<Vec<_>>(), [("a", "x=y"), ("b", "3"), ("c", "")]);
    }

    #[test]
    fn malformed_overrides_are_refused() {
        for text in ["", "a", "=1", " =1"] {
            assert_eq!(
                Properties::default().apply_override(text),
                Err(Error::Override { text: text.to_owned() })
            );
        }
    }
}
