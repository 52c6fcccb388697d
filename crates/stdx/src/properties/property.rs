//! One row of a property table, and the table.

use super::{Error, Type, Validator, Value};

/// How much a reader of the documentation should care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// Everybody should know it.
    High,
    /// Worth a look.
    Medium,
    /// For special cases.
    Low,
}

/// How a property may change while its process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// Not at all: only a restart reads it.
    ReadOnly,
    /// For one process.
    PerProcess,
    /// For one process, or for all of them at once.
    ClusterWide,
}

/// What a property is when nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Somebody has to set it.
    Required,
    /// It has no value.
    Null,
    /// It has the value of this text.
    Text(&'static str),
}

/// The definition of one property. Built in `static` tables, from one of the constructors named after the types:
/// `int("num.partitions", Importance::Medium).default("1").valid(at_least(1)).doc("…")`.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// The type of its value.
    pub type_: Type,
    /// What it is when nobody sets it. A fresh definition is required.
    pub preset: Preset,
    /// What its value must satisfy.
    pub validator: Validator,
    /// How much a reader should care.
    pub importance: Importance,
    /// How it may change while the process runs.
    pub update: Update,
    /// Whether it is hidden unless somebody sets it: for tests and experiments.
    pub internal: bool,
    /// What it does, for the person who sets it. One or two sentences.
    pub doc: &'static str,
}

macro_rules! constructors {
    ($($function:ident $type_:ident),*) => { $(
        #[doc = concat!("A required, read-only property of [`Type::", stringify!($type_), "`].")]
        pub const fn $function(name: &'static str, importance: Importance) -> Property {
            Property {
                name,
                type_: Type::$type_,
                preset: Preset::Required,
                validator: Validator::Any,
                importance,
                update: Update::ReadOnly,
                internal: false,
                doc: "",
            }
        }
    )* };
}

impl Property {
    constructors!(
        boolean Boolean, string String, int Int, short Short, long Long, double Double, list List, class Class,
        password Password
    );

    /// The same with a default value.
    pub const fn default(mut self, text: &'static str) -> Property {
        self.preset = Preset::Text(text);
        self
    }

    /// The same, null by default.
    pub const fn null(mut self) -> Property {
        self.preset = Preset::Null;
        self
    }

    /// The same with a validator.
    pub const fn valid(mut self, validator: Validator) -> Property {
        self.validator = validator;
        self
    }

    /// The same, changeable for one process while it runs.
    pub const fn per_process(mut self) -> Property {
        self.update = Update::PerProcess;
        self
    }

    /// The same, changeable for one process or all while they run.
    pub const fn cluster_wide(mut self) -> Property {
        self.update = Update::ClusterWide;
        self
    }

    /// The same, hidden unless set.
    pub const fn internal(mut self) -> Property {
        self.internal = true;
        self
    }

    /// The same with its documentation.
    pub const fn doc(mut self, doc: &'static str) -> Property {
        self.doc = doc;
        self
    }

    /// Whether the value must not be shown.
    pub fn is_sensitive(&self) -> bool {
        self.type_ == Type::Password
    }

    /// The value that `text` stands for. Duplicates of a list are dropped, its first occurrences stay.
    pub fn parse(&self, text: &str) -> Result<Value, Error> {
        let mut value = self.type_.parse(self.name, text).map_err(|e| self.hide(e))?;
        if let Value::List(elements) = &mut value
            && self.validator.is_list()
        {
            let mut distinct: Vec<String> = Vec::with_capacity(elements.len());
            for element in elements.drain(..) {
                if !distinct.contains(&element) {
                    distinct.push(element);
                }
            }
            *elements = distinct;
        }
        self.validator.check(self.name, Some(&value))?;
        Ok(value)
    }

    /// The value when the property is set to `text`, or not set at all. `Ok(None)` is null.
    pub fn resolve(&self, text: Option<&str>) -> Result<Option<Value>, Error> {
        match (text, self.preset) {
            (Some(text), _) | (None, Preset::Text(text)) => self.parse(text).map(Some),
            (None, Preset::Null) => self.validator.check(self.name, None).map(|()| None),
            (None, Preset::Required) => Err(Error::Missing { name: self.name.to_owned() }),
        }
    }

    fn hide(&self, error: Error) -> Error {
        match error {
            Error::InvalidValue { name, reason, .. } if self.is_sensitive() => {
                Error::InvalidValue { name, value: "[hidden]".to_owned(), reason }
            }
            other => other,
        }
    }
}

/// Properties by name, in the order of their names.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<&'static Property>,
}

impl Table {
    /// The table of all rows of `parts`. Names must be different: a later row of the same name is never found.
    pub fn new(parts: &[&'static [Property]]) -> Table {
        let mut rows: Vec<&'static Property> = parts.iter().copied().flatten().collect();
        rows.sort_by_key(|row| row.name);
        rows.dedup_by_key(|row| row.name);
        Table { rows }
    }

    /// The row called `name`.
    pub fn get(&self, name: &str) -> Option<&'static Property> {
        self.rows.binary_search_by_key(&name, |row| row.name).ok().map(|i| self.rows[i])
    }

    /// All rows in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &'static Property> + '_ {
        self.rows.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{any_list, at_least};

    static ROWS: &[Property] = &[
        Property::list("b", Importance::Low).null().valid(any_list().or_null()),
        Property::int("a", Importance::High).default("3").valid(at_least(1)),
        Property::password("c", Importance::Low),
    ];

    #[test]
    fn finds_rows_by_name_in_order() {
        let table = Table::new(&[&ROWS[1..], &ROWS[..1]]);
        assert_eq!(table.iter().map(|row| row.name).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(table.get("b").map(|row| row.type_), Some(Type::List));
        assert!(table.get("d").is_none());
    }

    #[test]
    fn resolves_set_default_null_and_required() {
        let [list, int, password] = [ROWS[0], ROWS[1], ROWS[2]];
        assert_eq!(int.resolve(None), Ok(Some(Value::Int(3))));
        assert_eq!(int.resolve(Some("4")), Ok(Some(Value::Int(4))));
        assert!(int.resolve(Some("0")).is_err());
        assert_eq!(list.resolve(None), Ok(None));
        let expect = Value::List(vec!["x".to_owned(), "y".to_owned()]);
        assert_eq!(list.resolve(Some("x,y,x")), Ok(Some(expect)), "duplicates are dropped");
        assert_eq!(
            password.resolve(None).map_err(|e| e.to_string()),
            Err("Missing required configuration \"c\" which has no default value.".to_owned())
        );
    }
}
