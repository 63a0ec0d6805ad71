//! Writes `fuzz/seeds` anew: what lies there goes.

use std::fs;
use std::io;
use std::path::Path;

use wsbeat_tests::fuzz::TARGETS;

fn main() -> io::Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    fs::remove_dir_all(&seeds)?;
    for target in &TARGETS {
        let folder = seeds.join(target.name);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in (target.seeds)() {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
