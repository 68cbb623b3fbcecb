//! Scripts that EVALSHA finds.
//!
//! Those that SCRIPT LOAD brought stay until SCRIPT FLUSH. Those that came with EVAL are many where programs write
//! values into the text of scripts, so only the ones used last are kept.

use super::engine::Source;
use super::shebang::ScriptFlags;
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};

/// Scripts of EVAL that are kept.
const EVALUATED_MAX: usize = 500;
/// Bytes that an entry takes beside its source, about.
const ENTRY_BYTES: usize = 192;

/// The SHA-1 of a script, in lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sha(pub [u8; 40]);

/// Its digits are as good as random, so that a few of them are enough for a hasher, which has its own seed.
impl Hash for Sha {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (first, rest) = self.0.split_first_chunk().expect("there are forty digits");
        let (second, _) = rest.split_first_chunk().expect("there are forty digits");
        // Of a digit's byte the low half tells nearly all: the halves of both words come to lie side by side.
        state.write_u64(u64::from_le_bytes(*first) ^ u64::from_le_bytes(*second).rotate_left(4));
    }
}

impl Sha {
    /// That of a source.
    pub fn of(source: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 40];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(Sha1::digest(source)) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        Self(hex)
    }

    /// The one that a client names.
    pub fn named(word: &[u8]) -> Option<Self> {
        let mut hex: [u8; 40] = word.try_into().ok()?;
        hex.make_ascii_lowercase();
        Some(Self(hex))
    }

    /// As text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A script.
#[derive(Debug)]
pub struct Script {
    /// Its code, compiled.
    pub code: Source,
    /// What it says about itself.
    pub flags: ScriptFlags,
    /// As it was given.
    pub text: Box<[u8]>,
    /// When it was last used, if it came with EVAL.
    used: Option<u64>,
}

impl Script {
    /// One that came just now.
    pub fn new(code: Source, flags: ScriptFlags, text: &[u8]) -> Self {
        Self { code, flags, text: text.into(), used: None }
    }
}

/// The scripts.
#[derive(Debug, Default)]
pub struct Cache {
    scripts: HashMap<Sha, Script>,
    /// Those that came with EVAL, by when they were last used.
    evaluated: BTreeMap<u64, Sha>,
    uses: u64,
    bytes: usize,
    /// Scripts that gave way to others.
    pub evicted: u64,
}

impl Cache {
    /// A script.
    #[inline]
    pub fn get(&self, sha: &Sha) -> Option<&Script> {
        self.scripts.get(sha)
    }

    /// A script that EVAL brought was used again.
    pub fn used_again(&mut self, sha: &Sha) {
        let Some(Script { used: Some(used), .. }) = self.scripts.get_mut(sha) else { return };
        self.uses += 1;
        self.evaluated.remove(used);
        *used = self.uses;
        self.evaluated.insert(self.uses, *sha);
    }

    /// A script is to stay, however it came.
    pub fn keep(&mut self, sha: &Sha) {
        let Some(script) = self.scripts.get_mut(sha) else { return };
        if let Some(used) = script.used.take() {
            self.evaluated.remove(&used);
        }
    }

    /// Adds one. Where there are too many that EVAL brought, the one that was not used for longest is handed back.
    #[must_use]
    pub fn insert(&mut self, sha: Sha, mut script: Script, evaluated: bool) -> Option<Script> {
        self.bytes += script.text.len() + ENTRY_BYTES;
        let full = evaluated && self.evaluated.len() >= EVALUATED_MAX;
        let oldest = if full { self.evaluated.pop_first() } else { None };
        let out = oldest.and_then(|(_, sha)| self.scripts.remove(&sha));
        if let Some(out) = &out {
            self.bytes -= out.text.len() + ENTRY_BYTES;
            self.evicted += 1;
        }
        if evaluated {
            self.uses += 1;
            script.used = Some(self.uses);
            self.evaluated.insert(self.uses, sha);
        }
        self.scripts.insert(sha, script);
        out
    }

    /// Scripts in all.
    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// Bytes of memory that the texts take.
    pub fn memory(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Interpreter;
    use super::super::shebang::flags;
    use super::*;

    fn add(
        cache: &mut Cache,
        interpreter: &mut Interpreter,
        number: usize,
        evaluated: bool,
    ) -> Sha {
        let text = format!("return {number}");
        let code = interpreter.compile(text.as_bytes(), c"@user_script").unwrap();
        let sha = Sha::of(text.as_bytes());
        let out = cache.insert(sha, Script::new(code, flags::UNSAID, text.as_bytes()), evaluated);
        out.into_iter().for_each(|script| interpreter.forget(script.code));
        sha
    }

    #[test]
    fn evaluated_scripts_give_way_to_newer_ones_and_loaded_ones_stay() {
        let mut interpreter = Interpreter::for_scripts(1);
        let mut cache = Cache::default();
        let loaded = add(&mut cache, &mut interpreter, 0, false);
        let first = add(&mut cache, &mut interpreter, 1, true);
        let second = add(&mut cache, &mut interpreter, 2, true);
        let third = add(&mut cache, &mut interpreter, 3, true);
        cache.used_again(&first);
        cache.keep(&second);
        for number in 4..EVALUATED_MAX + 3 {
            add(&mut cache, &mut interpreter, number, true);
        }
        assert!(cache.get(&third).is_none(), "nobody used it");
        for sha in [loaded, first, second] {
            assert!(cache.get(&sha).is_some());
        }
        assert_eq!((cache.len(), cache.evicted), (EVALUATED_MAX + 2, 1));
    }

    #[test]
    fn a_sha_is_found_in_any_case() {
        let sha = Sha::of(b"return 1");
        assert_eq!(sha.text(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        assert_eq!(Sha::named(b"E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"), Some(sha));
        assert_eq!(Sha::named(b"e0"), None);
    }
}
