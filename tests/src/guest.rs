//! Filters that read any fields, made on the spot without a compiler.

/// A field of a filter: its paths separated by blanks, the name of its kind, and whether it is optional.
pub type GuestField<'a> = (&'a str, &'a str, bool);

/// The kinds in the contract's order.
const KINDS: [&str; 8] = ["any", "boolean", "int", "long", "float", "double", "text", "bytes"];

/// The address of the manifest in the guest's memory. Everything that it points at follows.
const MANIFEST: usize = 1024;

/// Where the fields begin: behind the result's tag, the description, the list of fields and that of parameters, which is empty.
const FIELDS: usize = 28;

/// A component that reads these fields, and accepts every alert with the annotation `note` = `seen`.
pub fn reading(fields: &[GuestField<'_>]) -> Vec<u8> {
    reading_with(fields, "", "")
}

/// The same, with further items of the core module, and with instructions at the beginning of `evaluate`.
pub fn reading_with(fields: &[GuestField<'_>], items: &str, first: &str) -> Vec<u8> {
    wat::parse_str(text_with(fields, items, first)).expect("the guest is well-formed")
}

/// The component of [`reading`] in text form.
pub fn text(fields: &[GuestField<'_>]) -> String {
    text_with(fields, "", "")
}

fn text_with(fields: &[GuestField<'_>], items: &str, first: &str) -> String {
    let data: String = manifest(fields).iter().map(|byte| format!("\\{byte:02x}")).collect();
    assert!(data.len() / 3 < 30_000, "the manifest fits in front of the rows");
    let text = include_str!("guest.wat").replace("    ITEMS", items).replace("      FIRST", first);
    text.replace("MANIFEST", &MANIFEST.to_string()).replace("DATA", &data)
}

/// The result of `describe` in the layout of the canonical ABI.
fn manifest(fields: &[GuestField<'_>]) -> Vec<u8> {
    let mut memory = Memory(vec![0; FIELDS + 12 * fields.len()]);
    memory.text(4, "reads what a test says");
    memory.pair(12, MANIFEST + FIELDS, fields.len());
    for (number, (paths, kind, optional)) in fields.iter().enumerate() {
        let at = FIELDS + 12 * number;
        let paths: Vec<&str> = paths.split_whitespace().collect();
        let list = memory.room(8 * paths.len());
        memory.pair(at, MANIFEST + list, paths.len());
        memory.0[at + 8] = KINDS.iter().position(|known| known == kind).expect("a kind of the contract") as u8;
        memory.0[at + 9] = u8::from(*optional);
        for (number, path) in paths.iter().enumerate() {
            memory.text(list + 8 * number, path);
        }
    }
    memory.0
}

struct Memory(Vec<u8>);

impl Memory {
    /// Allocates this many bytes at the end, aligned.
    fn room(&mut self, size: usize) -> usize {
        let at = self.0.len().next_multiple_of(4);
        self.0.resize(at + size, 0);
        at
    }

    /// Writes a pointer and a length.
    fn pair(&mut self, at: usize, pointer: usize, length: usize) {
        self.0[at..at + 4].copy_from_slice(&(pointer as u32).to_le_bytes());
        self.0[at + 4..at + 8].copy_from_slice(&(length as u32).to_le_bytes());
    }

    /// Writes a string, whose text goes to the end.
    fn text(&mut self, at: usize, text: &str) {
        let room = self.room(text.len());
        self.0[room..room + text.len()].copy_from_slice(text.as_bytes());
        self.pair(at, MANIFEST + room, text.len());
    }
}
