//! The notation of a request: `{name: a, count: 3, list: [1, 2], none: null, text: "with, signs", records: @batch{count: 2}}`.

/// A value as it stands in a script.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    /// A number, a flag, a name or a quoted text.
    Text(String),
    List(Vec<Value>),
    Struct(Vec<(String, Value)>),
    /// `@name{...}`: bytes that are made from what the braces say.
    Made(String, Vec<(String, Value)>),
}

impl Value {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text };
        let value = parser.value()?;
        parser.space();
        if parser.rest.is_empty() { Ok(value) } else { Err(format!("left over: {}", parser.rest)) }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: char) -> bool {
        self.space();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> Result<&'a str, String> {
        self.space();
        let end =
            self.rest.find(|c: char| c.is_whitespace() || ",:[]{}\"".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(format!("a word is missing before: {rest}"));
        }
        self.rest = rest;
        Ok(word)
    }

    fn value(&mut self) -> Result<Value, String> {
        if self.take('{') {
            return Ok(Value::Struct(self.members()?));
        }
        if self.take('[') {
            let mut items = vec![];
            while !self.take(']') {
                items.push(self.value()?);
                self.take(',');
            }
            return Ok(Value::List(items));
        }
        if self.take('"') {
            let (text, rest) = self.rest.split_once('"').ok_or("a quotation mark is missing")?;
            self.rest = rest;
            return Ok(Value::Text(text.to_owned()));
        }
        if self.take('@') {
            let name = self.word()?.to_owned();
            let members = if self.take('{') { self.members()? } else { vec![] };
            return Ok(Value::Made(name, members));
        }
        Ok(match self.word()? {
            "null" => Value::Null,
            word => Value::Text(word.to_owned()),
        })
    }

    fn members(&mut self) -> Result<Vec<(String, Value)>, String> {
        let mut members = vec![];
        while !self.take('}') {
            let name = self.word()?.to_owned();
            if !self.take(':') {
                return Err(format!("a colon is missing after {name}"));
            }
            members.push((name, self.value()?));
            self.take(',');
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_is_read() {
        let text = |text: &str| Value::Text(text.to_owned());
        let check = |written: &str, expect: Value| assert_eq!(Value::parse(written), Ok(expect), "{written}");
        check("-1", text("-1"));
        check("\"a, b\"", text("a, b"));
        check("\"\"", text(""));
        check("[1, 2]", Value::List(vec![text("1"), text("2")]));
        check(
            "{a: null, b: []}",
            Value::Struct(vec![("a".into(), Value::Null), ("b".into(), Value::List(vec![]))]),
        );
        check("@batch{count: 2}", Value::Made("batch".into(), vec![("count".into(), text("2"))]));
        for wrong in ["", "{a}", "[1", "1 2", "\"a"] {
            assert!(Value::parse(wrong).is_err(), "{wrong}");
        }
    }
}
