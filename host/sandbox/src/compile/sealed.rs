//! Machine code in memory that nobody can change any more. This is the only place that loads machine code.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use memfd::{FileSeal, Memfd, MemfdOptions};
use wasmtime::component::Component;

/// Memory of this process in the form of a file that has no path. It can be handed over to a child process.
pub struct Memory(Memfd);

impl Memory {
    /// Makes an empty one. The name is shown by tools such as `lsof`.
    pub fn new(name: &str) -> io::Result<Memory> {
        let memory = MemfdOptions::default().close_on_exec(true).allow_sealing(true).create(name);
        memory.map(Memory).map_err(io::Error::other)
    }

    /// The file.
    pub fn file(&self) -> &File {
        self.0.as_file()
    }

    /// A handle for a child process.
    pub fn handle(&self) -> io::Result<File> {
        self.file().try_clone()
    }

    /// Returns the beginning as text.
    pub fn text(&self, limit: u64) -> String {
        let mut bytes = Vec::new();
        let mut file = self.file();
        let _ = file.rewind().and_then(|()| file.take(limit).read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Seals the content: neither this process nor any other that still has a handle can change it from here on. Fails
    /// if somebody has it mapped for writing.
    ///
    /// The content must be what a compiler of this binary wrote.
    pub fn seal(self) -> io::Result<Sealed> {
        let seals = [FileSeal::SealWrite, FileSeal::SealGrow, FileSeal::SealShrink, FileSeal::SealSeal];
        self.0.add_seals(&seals).map_err(io::Error::other)?;
        Ok(Sealed(self.0))
    }
}

/// Machine code of a component, in memory that is sealed.
pub struct Sealed(Memfd);

impl Sealed {
    /// Copies the machine code.
    pub fn copy_to(&self, mut to: impl Write) -> io::Result<()> {
        let mut file = self.0.as_file();
        file.rewind()?;
        io::copy(&mut file, &mut to).map(drop)
    }

    /// Loads the machine code. The engine refuses what another version or other settings compiled.
    pub fn load(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        let path = format!("/proc/self/fd/{}", self.as_fd().as_raw_fd());
        // SAFETY: wasmtime requires that the file was made by `precompile_component` or `serialize`, and that it never
        // changes while it is mapped. It does not change, because a `Sealed` can only be made by `Memory::seal`, and
        // the kernel then refuses to write to it, to cut it and to lift the seals. It was made by
        // `precompile_component`, because there are two callers of `seal`: `Child` seals what the same binary, started
        // from /proc/self/exe, wrote as machine code into memory of this process before it ended with success; and
        // `Cache` seals a copy of that, from a file which only this user can write, and whose digest is right. Bytes
        // from a user are only ever the input of the compiler.
        #[expect(unsafe_code, clippy::disallowed_methods, reason = "there is no safe way to load machine code")]
        unsafe {
            Component::deserialize_file(engine, path)
        }
    }
}

impl AsFd for Sealed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_file().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_change_what_is_sealed() {
        let memory = Memory::new("test").unwrap();
        let mut other = memory.handle().unwrap();
        other.write_all(b"machine code").unwrap();
        let sealed = memory.seal().unwrap();
        assert!(other.write_all(b"more").is_err());
        assert!(other.rewind().and_then(|()| other.write_all(b"other")).is_err());
        assert!(other.set_len(3).is_err() && other.set_len(300).is_err());
        let mut found = Vec::new();
        sealed.copy_to(&mut found).unwrap();
        assert_eq!(found, b"machine code");
    }

    #[test]
    fn what_no_compiler_wrote_is_refused() {
        let memory = Memory::new("test").unwrap();
        memory.file().write_all(b"machine code").unwrap();
        let engine = wasmtime::Engine::default();
        assert!(memory.seal().unwrap().load(&engine).is_err());
    }
}
