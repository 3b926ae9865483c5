//! Which kinds a graph may name.

use tympan_core::{Kind, KindInfo};

/// The kinds known to a program. Nothing registers itself: what is in a graph is in
/// the list that the program made.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    kinds: Vec<KindInfo>,
}

/// A registry of all built-in kinds.
pub fn registry() -> Registry {
    Registry { kinds: tympan_nodes::kinds().collect() }
}

impl Registry {
    /// A registry without any kind.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind. One of the same name is replaced, so that a program can put its
    /// own in the place of a built-in one.
    #[must_use]
    pub fn add<K: Kind>(mut self) -> Self {
        self.kinds.retain(|k| k.name != K::NAME);
        self.kinds.push(KindInfo::of::<K>());
        self
    }

    /// A kind by name.
    pub fn get(&self, name: &str) -> Option<&KindInfo> {
        self.kinds.iter().find(|k| k.name == name)
    }

    /// All kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &KindInfo> {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|k| k.name);
        kinds.into_iter()
    }
}
