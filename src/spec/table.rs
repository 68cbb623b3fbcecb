//! The command table as data: what COMMAND, ACL and stats see of it.

use super::Spec;

/// A command's or subcommand's index in the table, for counters kept beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId(pub u16);

/// One command or subcommand as the table holds it.
#[derive(Debug, Clone)]
pub struct Described {
    /// The row.
    pub spec: &'static Spec,
    /// `get`, or `client|list` of a subcommand.
    pub full_name: String,
    /// The container, of a subcommand.
    pub parent: Option<CommandId>,
    /// The subcommands, of a container.
    pub subcommands: Vec<CommandId>,
}

/// Every command and subcommand, by id and by name.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Described>,
    /// Names of commands without their subcommands, as clients may call them now.
    names: Names,
}

/// Slots of [`Names`]: a power of two, several times the number of commands.
const SLOTS: usize = 2048;

/// Command names in an open-addressed table: one hash of a few bytes and, nearly always, one
/// comparison, for this is looked up with every command.
#[derive(Debug)]
struct Names(Vec<Option<(Box<str>, CommandId)>>);

impl Default for Names {
    fn default() -> Self {
        Self(vec![None; SLOTS])
    }
}

impl Names {
    /// Where `name` is, or where it would go.
    #[inline]
    fn slot(&self, name: &[u8]) -> usize {
        let mut hash = name.len() as u32;
        for b in name {
            hash = (hash ^ u32::from(b | 0x20)).wrapping_mul(0x0100_0193);
        }
        let mut at = (hash ^ hash >> 15) as usize % SLOTS;
        loop {
            match &self.0[at] {
                Some((taken, _)) if !taken.as_bytes().eq_ignore_ascii_case(name) => {
                    at = (at + 1) % SLOTS;
                }
                _ => return at,
            }
        }
    }
}

impl Table {
    /// Adds a row and answers its id.
    ///
    /// # Panics
    /// If the name is there already, or the table is full.
    pub fn push(&mut self, spec: &'static Spec, parent: Option<CommandId>) -> CommandId {
        let id = CommandId(u16::try_from(self.rows.len()).expect("fewer than 65,536 commands"));
        let full_name = match parent {
            Some(p) => {
                self.rows[usize::from(p.0)].subcommands.push(id);
                format!("{}|{}", self.rows[usize::from(p.0)].full_name, spec.name)
            }
            None => spec.name.to_owned(),
        };
        assert!(!self.rows.iter().any(|r| r.full_name == full_name), "two commands {full_name}");
        if parent.is_none() {
            let slot = self.names.slot(full_name.as_bytes());
            self.names.0[slot] = Some((full_name.as_str().into(), id));
        }
        self.rows.push(Described { spec, full_name, parent, subcommands: Vec::new() });
        id
    }

    /// Rows in all, subcommands included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row numbered `id`.
    pub fn row(&self, id: CommandId) -> &Described {
        &self.rows[usize::from(id.0)]
    }

    /// A command by its name in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<CommandId> {
        self.names.0[self.names.slot(name)].as_ref().map(|(_, id)| *id)
    }

    /// A container's subcommand by its own word in any case.
    pub fn find_sub(&self, container: CommandId, word: &[u8]) -> Option<CommandId> {
        let subs = self.row(container).subcommands.iter().copied();
        subs.into_iter().find(|id| self.row(*id).spec.name.as_bytes().eq_ignore_ascii_case(word))
    }

    /// By full name in any case: `get`, `client|list`.
    pub fn find_full(&self, name: &[u8]) -> Option<CommandId> {
        match name.iter().position(|b| *b == b'|') {
            None => self.find(name),
            Some(bar) => self.find_sub(self.find(&name[..bar])?, &name[bar + 1..]),
        }
    }

    /// Calls a command by another name from now on, or by none: `rename-command`.
    ///
    /// # Errors
    /// What is wrong with the names, in Redis's words.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), &'static str> {
        let id = self.find(from.as_bytes()).ok_or("No such command in rename-command")?;
        if !to.is_empty() && self.find(to.as_bytes()).is_some() {
            return Err("Target command name already exists");
        }
        let mut names: Vec<_> = self.names.0.drain(..).flatten().collect();
        names.retain(|(_, named)| *named != id);
        if !to.is_empty() {
            names.push((to.into(), id));
        }
        self.names = Names::default();
        for (name, id) in names {
            let slot = self.names.slot(name.as_bytes());
            self.names.0[slot] = Some((name, id));
        }
        Ok(())
    }

    /// Commands without their subcommands.
    pub fn commands(&self) -> impl Iterator<Item = (CommandId, &Described)> {
        self.all().filter(|(_, row)| row.parent.is_none())
    }

    /// Commands and subcommands.
    pub fn all(&self) -> impl Iterator<Item = (CommandId, &Described)> {
        (0u16..).map(CommandId).zip(&self.rows)
    }
}
