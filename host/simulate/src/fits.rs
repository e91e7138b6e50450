//! FITS files (standard 4.0, <https://fits.gsfc.nasa.gov/fits_standard.html>): headers and images, each padded to a
//! multiple of 2,880 bytes.

use std::fmt::Display;
use std::io::Write;

/// Headers and data come in blocks of this many bytes.
pub const BLOCK: usize = 2880;
const CARD: usize = 80;

/// Appends the header of a primary image of 32-bit floats; `more` adds cards to it.
pub fn primary(out: &mut Vec<u8>, sides: [usize; 2], more: impl FnOnce(&mut Cards)) {
    header(out, |cards| {
        cards.add("SIMPLE", "T");
        cards.image(sides);
        cards.add("EXTEND", "T");
        more(cards);
    });
}

/// Appends the header of an image extension of 32-bit floats.
pub fn extension(out: &mut Vec<u8>, name: &str, sides: [usize; 2], more: impl FnOnce(&mut Cards)) {
    header(out, |cards| {
        cards.text("XTENSION", "IMAGE");
        cards.image(sides);
        cards.add("PCOUNT", 0);
        cards.add("GCOUNT", 1);
        cards.text("EXTNAME", name);
        more(cards);
    });
}

/// Appends an image's pixels, row by row.
pub fn pixels(out: &mut Vec<u8>, pixels: &[f32]) {
    let start = out.len();
    out.resize(start + (pixels.len() * 4).next_multiple_of(BLOCK), 0);
    for (bytes, pixel) in out[start..].chunks_exact_mut(4).zip(pixels) {
        bytes.copy_from_slice(&pixel.to_be_bytes());
    }
}

fn header(out: &mut Vec<u8>, cards: impl FnOnce(&mut Cards)) {
    let start = out.len();
    let mut all = Cards(out);
    cards(&mut all);
    all.finish("END");
    let length = (out.len() - start).next_multiple_of(BLOCK);
    out.resize(start + length, b' ');
}

/// The cards of a header.
pub struct Cards<'a>(&'a mut Vec<u8>);

impl Cards<'_> {
    /// Adds a number, or a logical value as `T` or `F`.
    pub fn add(&mut self, name: &str, value: impl Display) {
        self.finish(format_args!("{name:<8}= {value:>20}"));
    }

    /// Adds a text, which must not contain quotes.
    pub fn text(&mut self, name: &str, value: &str) {
        self.finish(format_args!("{name:<8}= '{value:<8}'"));
    }

    fn image(&mut self, [columns, rows]: [usize; 2]) {
        self.add("BITPIX", -32);
        self.add("NAXIS", 2);
        self.add("NAXIS1", columns);
        self.add("NAXIS2", rows);
    }

    fn finish(&mut self, card: impl Display) {
        let start = self.0.len();
        write!(self.0, "{card}").expect("a Vec takes all that is written");
        assert!(self.0.len() - start <= CARD, "the FITS card {card} is longer than {CARD} characters");
        self.0.resize(start + CARD, b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_data_fill_blocks() {
        let mut file = Vec::new();
        primary(&mut file, [3, 1], |cards| cards.text("BUNIT", "nJy"));
        pixels(&mut file, &[1.0, -2.0, 0.5]);
        extension(&mut file, "PSF", [30, 30], |_| {});
        pixels(&mut file, &[0.0; 900]);
        assert_eq!(file.len(), BLOCK * (1 + 1 + 1 + 2));

        let text = std::str::from_utf8(&file[..BLOCK]).unwrap();
        let cards: Vec<&str> = (0..8).map(|card| text[card * CARD..][..CARD].trim_end()).collect();
        let expected = [
            "SIMPLE  =                    T",
            "BITPIX  =                  -32",
            "NAXIS   =                    2",
            "NAXIS1  =                    3",
            "NAXIS2  =                    1",
            "EXTEND  =                    T",
            "BUNIT   = 'nJy     '",
            "END",
        ];
        assert_eq!(cards, expected);
        assert_eq!(text[8 * CARD..].trim(), "");
        assert_eq!(file[BLOCK..][..12], [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0, 0x3f, 0, 0, 0]);
    }
}
