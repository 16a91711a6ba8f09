//! Writing JSON in the many ways in which the same can be written.

use serde_json::Value;

/// White space and escapes, decided by a number.
pub(crate) struct Pen {
    state: u64,
    /// One letter in so many is written as an escape that need not be; none where it is nought.
    escapes_one_in: u64,
    pub(crate) text: String,
}

impl Pen {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed | 1, escapes_one_in: 0, text: String::new() }
    }

    /// A number below the bound.
    fn below(&mut self, bound: u64) -> u64 {
        // Xorshift.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % bound
    }

    fn space(&mut self) {
        if self.below(4) == 0 {
            let space = [" ", "\n", "\r\n", "\t", "    ", "                                                                 "];
            let which = self.below(6);
            self.text.push_str(space[usize::try_from(which).unwrap()]);
        }
    }

    /// A mark such as a comma, with white space around it.
    pub(crate) fn mark(&mut self, mark: char) {
        self.space();
        self.text.push(mark);
        self.space();
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.mark('[');
                self.joined(items, Self::value);
                self.mark(']');
            }
            Value::Object(members) => {
                self.text.push('{');
                self.space();
                self.joined(members, |pen, (name, value)| pen.member(name, value));
                self.space();
                self.text.push('}');
            }
            other => self.text.push_str(&other.to_string()),
        }
    }

    pub(crate) fn member(&mut self, name: &str, value: &Value) {
        self.string(name);
        self.mark(':');
        self.value(value);
    }

    /// The member of that name, each record in a manner of its own.
    pub(crate) fn records(&mut self, records: &[Value]) {
        self.string("Records");
        self.mark(':');
        self.mark('[');
        self.joined(records, |pen, record| {
            pen.escapes_one_in = [0, 0, 0, 0, 200, 30, 5, 1][usize::try_from(pen.below(8)).unwrap()];
            pen.value(record);
        });
        self.mark(']');
    }

    pub(crate) fn joined<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                self.mark(',');
            }
            write(self, item);
        }
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.text.push('"');
        for letter in text.chars() {
            let short = match letter {
                '"' => Some('"'),
                '\\' => Some('\\'),
                '/' => Some('/'),
                '\n' => Some('n'),
                '\r' => Some('r'),
                '\t' => Some('t'),
                '\u{8}' => Some('b'),
                '\u{c}' => Some('f'),
                _ => None,
            };
            let must = letter < ' ' || letter == '"' || letter == '\\';
            let may = self.escapes_one_in > 0 && self.below(self.escapes_one_in) == 0;
            match short {
                _ if !must && !may => self.text.push(letter),
                Some(short) if self.escapes_one_in == 0 || self.below(3) > 0 => self.text.extend(['\\', short]),
                _ => self.spelt_out(letter),
            }
        }
        self.text.push('"');
    }

    fn spelt_out(&mut self, letter: char) {
        let mut units = [0; 2];
        for unit in letter.encode_utf16(&mut units) {
            let digits = if self.below(2) == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
            self.text.push_str(&digits);
        }
    }
}
