//! Walking an object whose strings and brackets are known.

use std::borrow::Cow;

use super::KmsRecord;

/// The text is no JSON there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// How many bytes into the record.
    pub(crate) at: usize,
}

/// A place in a record: before one of its quotes and brackets, or behind the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'r> {
    text: &'r str,
    may_escape: bool,
    /// Where the quotes and brackets are that lie ahead.
    ahead: &'r [u32],
}

/// What a member's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'r> {
    /// A string.
    String(Raw<'r>),
    /// An object or list, which the cursor now stands before.
    Nested,
    /// A number or a word.
    Scalar,
}

/// A string as it is written, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw<'r>(&'r str);

impl<'r> Raw<'r> {
    pub(crate) const fn new(written: &'r str) -> Self {
        Self(written)
    }

    /// As it is written, with its escapes.
    pub(crate) const fn written(self) -> &'r str {
        self.0
    }

    /// What it says.
    pub(crate) fn text(self) -> Cow<'r, str> {
        if memchr::memchr(b'\\', self.0.as_bytes()).is_none() { Cow::Borrowed(self.0) } else { self.unescaped() }
    }

    #[cold]
    fn unescaped(self) -> Cow<'r, str> {
        // What is no JSON string after all, such as half of a surrogate pair, is shown as it stands.
        serde_json::from_str::<String>(&format!("\"{}\"", self.0)).map_or(Cow::Borrowed(self.0), Cow::Owned)
    }

    /// Whether it says `name`.
    pub(crate) fn is(self, name: &str) -> bool {
        self.0 == name || self.text() == name
    }
}

impl<'r> Cursor<'r> {
    /// Before the object.
    pub(crate) const fn new(record: KmsRecord<'r>) -> Self {
        Self { text: record.text, may_escape: record.may_escape, ahead: record.marks }
    }

    /// Where the next quote or bracket is.
    #[inline(always)]
    fn place(&self) -> Result<usize, Malformed> {
        self.ahead.first().map(|mark| *mark as usize).ok_or(Malformed { at: self.text.len() })
    }

    /// Passes the next quote or bracket.
    #[inline(always)]
    fn step(&mut self) {
        self.ahead = self.ahead.get(1..).unwrap_or_default();
    }

    /// What a string says.
    #[inline]
    pub(crate) fn text(&self, raw: Raw<'r>) -> Cow<'r, str> {
        if self.may_escape { raw.text() } else { Cow::Borrowed(raw.0) }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// That what the cursor stands before is wrong.
    pub(crate) fn here(&self) -> Malformed {
        self.place().map_or_else(|end| end, |at| Malformed { at })
    }

    /// Whether it is a list that the cursor stands before.
    pub(crate) fn is_list(&self) -> Result<bool, Malformed> {
        let at = self.place()?;
        Ok(self.byte(at) == Some(b'['))
    }

    /// Enters the object or list that the cursor stands before.
    pub(crate) fn enter(&mut self) {
        self.step();
    }

    /// The next member of the object that was entered; `None` at its end, which it passes.
    #[inline(always)]
    pub(crate) fn member(&mut self) -> Result<Option<(Raw<'r>, Value<'r>)>, Malformed> {
        let at = self.place()?;
        match self.byte(at) {
            Some(b'}') => {
                self.step();
                Ok(None)
            }
            Some(b'"') => {
                let name = self.string(at)?;
                let colon = self.past_space(at + name.0.len() + 2);
                if self.byte(colon) != Some(b':') {
                    return Err(Malformed { at: colon });
                }
                let start = self.past_space(colon + 1);
                Ok(Some((name, self.value(start)?)))
            }
            _ => Err(Malformed { at }),
        }
    }

    /// The next item of the list that was entered; `None` at its end, which it passes. Numbers and words among the items are passed over.
    pub(crate) fn item(&mut self) -> Result<Option<Value<'r>>, Malformed> {
        let at = self.place()?;
        match self.byte(at) {
            Some(b']') => {
                self.step();
                Ok(None)
            }
            Some(b'}') => Err(Malformed { at }),
            _ => self.value(at).map(Some),
        }
    }

    /// The value that begins at `start`.
    #[inline(always)]
    fn value(&mut self, start: usize) -> Result<Value<'r>, Malformed> {
        match self.byte(start) {
            Some(b'"') if self.place()? == start => self.string(start).map(Value::String),
            Some(b'{' | b'[') if self.place()? == start => Ok(Value::Nested),
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => Ok(Value::Scalar),
            _ => Err(Malformed { at: start }),
        }
    }

    /// The string that begins at `start`, before which the cursor stands.
    #[inline(always)]
    fn string(&mut self, start: usize) -> Result<Raw<'r>, Malformed> {
        let [_, end, ahead @ ..] = self.ahead else { return Err(Malformed { at: self.text.len() }) };
        self.ahead = ahead;
        let end = *end as usize;
        let written = self.text.get(start + 1..end).filter(|_| self.byte(end) == Some(b'"')).ok_or(Malformed { at: start })?;
        Ok(Raw(written))
    }

    /// Passes the object or list that the cursor stands before.
    #[inline]
    pub(crate) fn pass(&mut self) -> Result<(), Malformed> {
        let mut depth = 0_u32;
        loop {
            let at = self.place()?;
            self.step();
            match self.byte(at) {
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    #[inline(always)]
    fn past_space(&self, mut at: usize) -> usize {
        while self.byte(at).is_some_and(|byte| byte.is_ascii_whitespace()) {
            at += 1;
        }
        at
    }
}
