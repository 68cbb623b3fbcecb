//! Which of a command's arguments are secrets.

/// The arguments that logs and monitors show as `(redacted)`.
#[derive(Debug, Clone, Copy)]
pub enum Secrets {
    /// None of them.
    None,
    /// Every one from this index on.
    From(usize),
    /// So many behind each of these words.
    After(&'static [(&'static str, usize)]),
    /// Of pairs of names and values from this index on, the values of the names accepted.
    Values(usize, fn(&[u8]) -> bool),
}

impl Secrets {
    /// Whether argument `i` is one; `argument` gives each by its index.
    pub fn cover<'a>(self, i: usize, argument: impl Fn(usize) -> &'a [u8]) -> bool {
        match self {
            Self::None => false,
            Self::From(first) => i >= first,
            Self::After(words) => words.iter().any(|(word, count)| {
                (i.saturating_sub(*count).max(1)..i)
                    .any(|at| argument(at).eq_ignore_ascii_case(word.as_bytes()))
            }),
            Self::Values(first, is_secret) => {
                i > first && (i - first) % 2 == 1 && is_secret(argument(i - 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(secrets: Secrets, words: &[&str]) -> Vec<usize> {
        let argument = |i: usize| words[i].as_bytes();
        (0..words.len()).filter(|i| secrets.cover(*i, argument)).collect()
    }

    #[test]
    fn each_rule_covers_its_arguments() {
        assert_eq!(covered(Secrets::None, &["get", "k"]), []);
        assert_eq!(covered(Secrets::From(1), &["auth", "u", "p"]), [1, 2]);
        let hello = ["hello", "3", "Auth", "u", "p", "setname", "n"];
        assert_eq!(covered(Secrets::After(&[("AUTH", 2)]), &hello), [3, 4]);
        let migrate = ["migrate", "h", "1", "", "0", "1", "auth2", "u", "p", "auth", "p", "keys"];
        let secrets = Secrets::After(&[("AUTH", 1), ("AUTH2", 2)]);
        assert_eq!(covered(secrets, &migrate), [7, 8, 10]);
        let set = ["config", "set", "port", "1", "pass", "x", "port", "pass"];
        assert_eq!(covered(Secrets::Values(2, |name| name == b"pass"), &set), [5]);
    }
}
