//! Property tables: what a property is called, what values it takes, what it means, and how a text becomes its value.
//!
//! | file | what |
//! |---|---|
//! | `property.rs` | one row of a table: [`Property`], and the [`Table`] that finds it by name |
//! | `value.rs` | the types and how text is parsed and printed |
//! | `validator.rs` | what a value must satisfy beyond its type |
//! | `file.rs` | the `.properties` file format |
//! | `set.rs` | [`Properties`]: names and texts, from a file and overrides |
//!
//! Parsing, printing and the words of the errors are those of Java's configuration library that the whole ecosystem
//! was built on, because tools and tests compare them. What it does not do: read files, know any property.

mod error;
mod file;
mod property;
mod set;
mod validator;
mod value;

pub use error::Error;
pub use property::{Importance, Preset, Property, Table, Update};
pub use set::Properties;
pub use validator::{
    Bound, Validator, any_list, at_least, between, between_f64, custom, list_of, non_empty_list, one_of,
    one_of_ignoring_case,
};
pub use value::{Password, Type, Value, split_list};
