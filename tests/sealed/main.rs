//! Takes that are sealed with a key: what of them is on the disk, and what comes out.

#[cfg(feature = "encrypt")]
mod exports;
#[cfg(feature = "encrypt")]
mod image;
#[cfg(feature = "encrypt")]
mod kills;
#[cfg(feature = "encrypt")]
mod kit;
#[cfg(feature = "encrypt")]
mod needles;
#[cfg(feature = "encrypt")]
mod plain;
#[path = "../kit/temp.rs"]
mod temp;

/// Better no take than an open one.
#[cfg(not(feature = "encrypt"))]
#[test]
fn a_build_that_cannot_seal_refuses_to_record_instead() {
    use tympan::backend::phone::{Handset, Setup};
    use tympan::take::Key;
    use tympan::{Graph, Recorder};

    let graph = "[[node]]\nkind = \"mix\"\nchannels = 1\n\n[[output]]\nname = \"take\"\n";
    let graph = Graph::from_toml(graph, &tympan::registry()).unwrap();
    let (phone, _) = Handset::new(&Setup::default());
    let folder = std::env::temp_dir().join(format!("tympan-unsealed-{}", std::process::id()));
    let builder = Recorder::builder(&graph).device(phone).directory(&folder);
    let why = builder.encrypt(Key::new([1; 32])).build().unwrap_err().to_string();
    assert!(why.contains("turn on the feature `encrypt`"), "{why}");
    assert!(!folder.exists());
}
