//! Removal of a stream's oldest entries.

use super::{Id, Stream};
use crate::ds::streamnode::StreamNode;

/// What is to be left of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// Which entries are to be left.
    pub by: TrimBy,
    /// Only whole nodes go, so that a little more may be left.
    pub approximate: bool,
    /// Entries removed at most.
    pub limit: Option<u64>,
}

/// Which entries are to be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimBy {
    /// So many.
    MaxLen(u64),
    /// Those that are not below this id.
    MinId(Id),
}

impl Stream {
    /// Removes the oldest entries; how many.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        let mut removed = 0;
        while let Some((master, node)) = self.nodes.first_mut() {
            let live = node.live() as u64;
            if trim.limit.is_some_and(|limit| removed + live > limit)
                || matches!(trim.by, TrimBy::MaxLen(max) if self.facts.len <= max)
            {
                break;
            }
            let whole = match trim.by {
                TrimBy::MaxLen(max) => self.facts.len - live >= max,
                TrimBy::MinId(min) => last_id(master, node).is_none_or(|last| last < min),
            };
            if whole {
                self.node_bytes -= node.as_listpack().alloc_size();
                self.nodes.pop_first();
                removed += live;
                self.facts.len -= live;
                continue;
            }
            if !trim.approximate {
                removed += self.trim_first(trim.by);
            }
            break;
        }
        if removed > 0 {
            self.find_first();
        }
        removed
    }

    /// Removes the oldest entries of the first node, not all of which go; how many.
    fn trim_first(&mut self, by: TrimBy) -> u64 {
        let Some((master, node)) = self.nodes.first_mut() else { return 0 };
        let before = node.as_listpack().alloc_size();
        let mut surplus = match by {
            TrimBy::MaxLen(max) => self.facts.len.saturating_sub(max),
            TrimBy::MinId(_) => u64::MAX,
        };
        let removed = node.delete_front(master, |id| {
            let goes = match by {
                TrimBy::MaxLen(_) => surplus > 0,
                TrimBy::MinId(min) => id < min,
            };
            surplus -= u64::from(goes);
            goes
        }) as u64;
        self.node_bytes = self.node_bytes - before + node.as_listpack().alloc_size();
        self.facts.len -= removed;
        removed
    }
}

/// The id of a node's last entry.
fn last_id(master: Id, node: &StreamNode) -> Option<Id> {
    node.entries(master).next_back().map(|entry| entry.id)
}
