//! `key=value` arguments of the child processes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;

pub struct Arguments(HashMap<String, String>);

impl Arguments {
    pub fn read(arguments: &[String]) -> Self {
        let pairs = arguments.iter().filter_map(|argument| argument.split_once('='));
        Self(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).unwrap_or_else(|| panic!("{key}= is missing"))
    }

    pub fn number<T: FromStr>(&self, key: &str) -> T {
        self.text(key).parse().unwrap_or_else(|_| panic!("{key}= is no number"))
    }

    pub fn path(&self, key: &str) -> PathBuf {
        PathBuf::from(self.text(key))
    }
}
