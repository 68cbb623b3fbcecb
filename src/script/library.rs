//! Libraries of functions: what FCALL finds.

use super::Caller;
use super::engine::{Interpreter, Source};
use super::raw::{Kind, Lua};
use super::shebang::{self, ScriptFlags};
use std::collections::{BTreeMap, HashMap};

/// Bytes that a library and a function take beside what they hold, about.
const ENTRY_BYTES: usize = 128;

/// A function that a library registered while it was loaded.
#[derive(Debug)]
pub(super) struct Registered {
    name: Vec<u8>,
    description: Option<Vec<u8>>,
    flags: ScriptFlags,
    code: Source,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: Vec<u8>,
    /// What it is for.
    pub description: Option<Vec<u8>>,
    /// What it says about itself.
    pub flags: ScriptFlags,
    /// Its code.
    pub code: Source,
}

/// A library.
#[derive(Debug)]
pub struct Library {
    /// As it was given.
    pub text: Box<[u8]>,
    /// Its functions, in the order of their names.
    pub functions: Vec<Function>,
}

/// Why a library was not loaded: the words of the error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError(pub String);

impl<T: Into<String>> From<T> for LoadError {
    fn from(words: T) -> Self {
        Self(words.into())
    }
}

/// All libraries.
#[derive(Debug, Default)]
pub struct Libraries {
    by_name: BTreeMap<Vec<u8>, Library>,
    /// Each function's library, by names in lower case.
    functions: HashMap<Vec<u8>, (Vec<u8>, usize)>,
    bytes: usize,
}

impl Libraries {
    /// A function.
    pub fn function(&self, name: &[u8]) -> Option<&Function> {
        let (library, at) = match self.functions.get(name) {
            Some(found) => found,
            None => self.functions.get(&name.to_ascii_lowercase())?,
        };
        self.by_name.get(library)?.functions.get(*at)
    }

    /// The libraries, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Library)> + Clone {
        self.by_name.iter().map(|(name, library)| (name.as_slice(), library))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Functions of all of them.
    pub fn functions(&self) -> usize {
        self.functions.len()
    }

    /// Bytes of memory that they take, beside what Lua has of them.
    pub fn memory(&self) -> usize {
        self.bytes
    }

    /// Loads a library and answers its name.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub fn load(
        &mut self,
        interpreter: &mut Interpreter,
        text: &[u8],
        replace: bool,
        caller: &mut dyn Caller,
    ) -> Result<Vec<u8>, LoadError> {
        let (name, code) = shebang::of_library(text)?;
        if self.by_name.contains_key(&name) && !replace {
            return Err(
                format!("Library '{}' already exists", String::from_utf8_lossy(&name)).into()
            );
        }
        let compiled = interpreter.compile(code, c"@user_function");
        let compiled = compiled.map_err(|words| format!("Error compiling function: {words}"))?;
        let (registered, result) = interpreter.run_library(&compiled, caller);
        interpreter.forget(compiled);
        let checked = match result {
            Err(failure) => Err(format!("Error registering functions: {}", failure.words)),
            Ok(()) if registered.is_empty() => Err("No functions registered".to_owned()),
            Ok(()) => self.check(&name, &registered),
        };
        if let Err(words) = checked {
            registered.into_iter().for_each(|function| interpreter.forget(function.code));
            return Err(words.into());
        }
        self.delete(interpreter, &name);
        self.insert(name.clone(), text, registered);
        Ok(name)
    }

    /// No function has the name of another library's.
    fn check(&self, library: &[u8], registered: &[Registered]) -> Result<(), String> {
        let taken = registered.iter().find(|function| {
            let owner = self.functions.get(&function.name.to_ascii_lowercase());
            owner.is_some_and(|(owner, _)| owner != library)
        });
        match taken {
            Some(function) => {
                let name = String::from_utf8_lossy(&function.name);
                Err(format!("Function {name} already exists"))
            }
            None => Ok(()),
        }
    }

    /// Deletes all.
    pub fn delete_all(&mut self, interpreter: &mut Interpreter) {
        while let Some(name) = self.by_name.keys().next().cloned() {
            self.delete(interpreter, &name);
        }
    }

    /// Takes the libraries of another over: all, or none.
    ///
    /// # Errors
    /// There is one of such a name, or a function of such a name elsewhere.
    pub fn join(
        &mut self,
        interpreter: &mut Interpreter,
        other: &mut Self,
        replace: bool,
    ) -> Result<(), LoadError> {
        for (name, library) in &other.by_name {
            if self.by_name.contains_key(name) && !replace {
                let name = String::from_utf8_lossy(name);
                return Err(format!("Library {name} already exists").into());
            }
            for function in &library.functions {
                let owner = self.functions.get(&function.name.to_ascii_lowercase());
                // Whose library is replaced gives its names away.
                if owner.is_some_and(|(owner, _)| !other.by_name.contains_key(owner)) {
                    let name = String::from_utf8_lossy(&function.name);
                    return Err(format!("Function {name} already exists").into());
                }
            }
        }
        for name in other.by_name.keys() {
            self.delete(interpreter, name);
        }
        self.by_name.append(&mut other.by_name);
        self.functions.extend(other.functions.drain());
        self.bytes += std::mem::take(&mut other.bytes);
        Ok(())
    }

    fn insert(&mut self, name: Vec<u8>, text: &[u8], mut registered: Vec<Registered>) {
        registered.sort_by(|a, b| a.name.cmp(&b.name));
        for (at, function) in registered.iter().enumerate() {
            self.functions.insert(function.name.to_ascii_lowercase(), (name.clone(), at));
        }
        let functions = registered.into_iter().map(|function| {
            let Registered { name, description, flags, code } = function;
            Function { name, description, flags, code }
        });
        let library = Library { text: text.into(), functions: functions.collect() };
        self.bytes += library.memory();
        self.by_name.insert(name, library);
    }

    /// Removes a library; whether there was one.
    pub fn delete(&mut self, interpreter: &mut Interpreter, name: &[u8]) -> bool {
        let Some(library) = self.by_name.remove(name) else { return false };
        self.bytes -= library.memory();
        for function in library.functions {
            self.functions.remove(&function.name.to_ascii_lowercase());
            interpreter.forget(function.code);
        }
        true
    }
}

impl Library {
    fn memory(&self) -> usize {
        let functions = self.functions.iter().map(|function| {
            ENTRY_BYTES + function.name.len() + function.description.as_ref().map_or(0, Vec::len)
        });
        ENTRY_BYTES + self.text.len() + functions.sum::<usize>()
    }
}

/// Takes what the running library registers.
///
/// # Errors
/// The words about what is wrong with it.
pub(super) fn registered(lua: Lua) -> Result<(), String> {
    let mut given = Given::default();
    match lua.top() {
        1 if lua.kind(1) == Kind::Table => given.take_fields(lua)?,
        1 => {
            return Err("calling redis.register_function with a single argument is only applicable to Lua table \
                        (representing named arguments)."
                .to_owned());
        }
        2 => {
            let name = lua.bytes(1).map(<[u8]>::to_vec);
            given.name =
                Some(name.ok_or("first argument to redis.register_function must be a string")?);
            if lua.kind(2) != Kind::Function {
                return Err(
                    "second argument to redis.register_function must be a function".to_owned()
                );
            }
            lua.set_top(2);
            given.code = Some(Source(lua.keep()));
        }
        _ => return Err("wrong number of arguments to redis.register_function".to_owned()),
    }
    let result = given.check(lua);
    if result.is_err()
        && let Some(code) = given.code.take()
    {
        lua.let_go(code.0);
    }
    let name = result?;
    let Some(code) = given.code else { return Ok(()) };
    let Given { description, flags, .. } = given;
    lua.host().engine.registered.borrow_mut().push(Registered { name, description, flags, code });
    Ok(())
}

/// What a call of `redis.register_function` gave so far.
#[derive(Default)]
struct Given {
    name: Option<Vec<u8>>,
    description: Option<Vec<u8>>,
    flags: ScriptFlags,
    code: Option<Source>,
}

impl Given {
    /// From the fields of the table that is the only argument.
    fn take_fields(&mut self, lua: Lua) -> Result<(), String> {
        const UNKNOWN: &str = "unknown argument given to redis.register_function";
        lua.push_nil();
        while lua.next(1) {
            if lua.kind(-2) != Kind::String {
                return Err(UNKNOWN.to_owned());
            }
            let field = lua.bytes(-2).unwrap_or_default().to_ascii_lowercase();
            match field.as_slice() {
                b"function_name" => {
                    lua.push_copy(-1);
                    let name = lua.bytes(-1).map(<[u8]>::to_vec);
                    lua.pop(1);
                    let words =
                        "function_name argument given to redis.register_function must be a string";
                    self.name = Some(name.ok_or(words)?);
                }
                b"description" => {
                    lua.push_copy(-1);
                    let description = lua.bytes(-1).map(<[u8]>::to_vec);
                    lua.pop(1);
                    let words =
                        "description argument given to redis.register_function must be a string";
                    self.description = Some(description.ok_or(words)?);
                }
                b"callback" => {
                    if lua.kind(-1) != Kind::Function {
                        let words =
                            "callback argument given to redis.register_function must be a function";
                        return Err(words.to_owned());
                    }
                    lua.push_copy(-1);
                    self.code = Some(Source(lua.keep()));
                }
                b"flags" => self.take_flags(lua)?,
                _ => return Err(UNKNOWN.to_owned()),
            }
            lua.pop(1);
        }
        Ok(())
    }

    /// From the topmost value.
    fn take_flags(&mut self, lua: Lua) -> Result<(), String> {
        if lua.kind(-1) != Kind::Table {
            let words = "flags argument to redis.register_function must be a table representing function flags";
            return Err(words.to_owned());
        }
        for index in 1.. {
            lua.raw_get_at(-1, index);
            if lua.kind(-1) == Kind::Nil {
                lua.pop(1);
                break;
            }
            let flag = ScriptFlags::named(lua.bytes(-1).unwrap_or_default());
            lua.pop(1);
            self.flags = self.flags.with(flag.ok_or("unknown flag given")?);
        }
        Ok(())
    }

    /// All that must be there is; answers the name.
    fn check(&mut self, lua: Lua) -> Result<Vec<u8>, String> {
        let name = self.name.take();
        let name = name.ok_or("redis.register_function must get a function name argument")?;
        if self.code.is_none() {
            return Err("redis.register_function must get a callback argument".to_owned());
        }
        shebang::check_name(&name)?;
        let registered = lua.host().engine.registered.borrow();
        if registered.iter().any(|other| other.name.eq_ignore_ascii_case(&name)) {
            return Err("Function already exists in the library".to_owned());
        }
        Ok(name)
    }
}
