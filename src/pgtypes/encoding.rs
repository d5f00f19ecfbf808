//! Character sets of clients and of COPY, besides UTF-8.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use encoding_rs::{CoderResult, Decoder};

use crate::error::{Error, ErrorKind, Result};

/// A character set by PostgreSQL's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    name: &'static str,
    charset: Charset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    /// The first 256 characters of Unicode; the web's "latin1" is another.
    Latin1,
    Other(&'static encoding_rs::Encoding),
}

const OTHERS: &[(&str, &encoding_rs::Encoding)] = &[
    ("BIG5", encoding_rs::BIG5),
    ("EUC_CN", encoding_rs::GBK),
    ("EUC_JP", encoding_rs::EUC_JP),
    ("EUC_KR", encoding_rs::EUC_KR),
    ("GB18030", encoding_rs::GB18030),
    ("GBK", encoding_rs::GBK),
    ("ISO_8859_5", encoding_rs::ISO_8859_5),
    ("ISO_8859_6", encoding_rs::ISO_8859_6),
    ("ISO_8859_7", encoding_rs::ISO_8859_7),
    ("ISO_8859_8", encoding_rs::ISO_8859_8),
    ("KOI8R", encoding_rs::KOI8_R),
    ("KOI8U", encoding_rs::KOI8_U),
    ("LATIN2", encoding_rs::ISO_8859_2),
    ("LATIN3", encoding_rs::ISO_8859_3),
    ("LATIN4", encoding_rs::ISO_8859_4),
    ("LATIN6", encoding_rs::ISO_8859_10),
    ("LATIN7", encoding_rs::ISO_8859_13),
    ("LATIN8", encoding_rs::ISO_8859_14),
    ("LATIN9", encoding_rs::ISO_8859_15),
    ("LATIN10", encoding_rs::ISO_8859_16),
    ("SJIS", encoding_rs::SHIFT_JIS),
    ("UHC", encoding_rs::EUC_KR),
    ("WIN866", encoding_rs::IBM866),
    ("WIN874", encoding_rs::WINDOWS_874),
    ("WIN1250", encoding_rs::WINDOWS_1250),
    ("WIN1251", encoding_rs::WINDOWS_1251),
    ("WIN1252", encoding_rs::WINDOWS_1252),
    ("WIN1253", encoding_rs::WINDOWS_1253),
    ("WIN1254", encoding_rs::WINDOWS_1254),
    ("WIN1255", encoding_rs::WINDOWS_1255),
    ("WIN1256", encoding_rs::WINDOWS_1256),
    ("WIN1257", encoding_rs::WINDOWS_1257),
    ("WIN1258", encoding_rs::WINDOWS_1258),
];

impl Encoding {
    pub const UTF8: Self = Self { name: "UTF8", charset: Charset::Utf8 };

    /// Case and punctuation of the name do not count, as in PostgreSQL.
    pub fn named(name: &str) -> Option<Self> {
        let plain = |name: &str| -> String {
            name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
        };
        let wanted = match plain(name).as_str() {
            "utf8" | "unicode" | "sqlascii" => return Some(Self::UTF8),
            "latin1" | "iso88591" => return Some(Self { name: "LATIN1", charset: Charset::Latin1 }),
            "shiftjis" | "mskanji" | "win932" | "windows932" => "sjis".to_owned(),
            "koi8" => "koi8r".to_owned(),
            "alt" => "win866".to_owned(),
            "win" => "win1251".to_owned(),
            "win949" | "windows949" => "uhc".to_owned(),
            "win950" | "windows950" => "big5".to_owned(),
            "win936" | "windows936" => "gbk".to_owned(),
            "euccn" => "euccn".to_owned(),
            other => other.replace("windows", "win"),
        };
        let (name, encoding) =
            OTHERS.iter().find(|(name, encoding)| plain(name) == wanted || plain(encoding.name()) == wanted)?;
        Some(Self { name, charset: Charset::Other(encoding) })
    }

    /// PostgreSQL's name.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Appends text in this character set, `?` for what it lacks.
    pub fn put_lossy(self, text: &[u8], out: &mut BytesMut) {
        let start = out.len();
        if self.put(text, out).is_ok() {
            return;
        }
        out.truncate(start);
        let mut one = [0; 4];
        for character in String::from_utf8_lossy(text).chars() {
            let start = out.len();
            if self.put(character.encode_utf8(&mut one).as_bytes(), out).is_err() {
                out.truncate(start);
                out.put_u8(b'?');
            }
        }
    }

    /// Appends text in this character set.
    ///
    /// # Errors
    /// `22P05` for a character that it lacks.
    pub fn put(self, text: &[u8], out: &mut BytesMut) -> Result<()> {
        let lacking = |character: char| {
            let bytes = character.to_string().bytes().map(|byte| format!("{byte:#04x}")).collect::<Vec<_>>().join(" ");
            let message = format!(
                "character with byte sequence {bytes} in encoding \"UTF8\" has no equivalent in encoding \"{}\"",
                self.name
            );
            Error::new(ErrorKind::UntranslatableCharacter, message)
        };
        if self.charset == Charset::Utf8 || text.is_ascii() {
            out.put_slice(text);
            return Ok(());
        }
        let text = String::from_utf8_lossy(text);
        match self.charset {
            Charset::Utf8 => {}
            Charset::Latin1 => {
                for character in text.chars() {
                    out.put_u8(u8::try_from(character).map_err(|_| lacking(character))?);
                }
            }
            Charset::Other(encoding) => {
                let mut encoder = encoding.new_encoder();
                let (mut rest, mut room) = (text.as_ref(), [0; 1024]);
                loop {
                    let (result, read, written) = encoder.encode_from_utf8_without_replacement(rest, &mut room, true);
                    out.put_slice(room.get(..written).unwrap_or_default());
                    rest = rest.get(read..).unwrap_or_default();
                    match result {
                        encoding_rs::EncoderResult::InputEmpty => break,
                        encoding_rs::EncoderResult::OutputFull => {}
                        encoding_rs::EncoderResult::Unmappable(character) => return Err(lacking(character)),
                    }
                }
            }
        }
        Ok(())
    }

    /// A reader of text that comes in pieces.
    pub fn reader(self) -> EncodingReader {
        let decoder = match self.charset {
            Charset::Other(encoding) => Some(encoding.new_decoder_without_bom_handling()),
            Charset::Utf8 | Charset::Latin1 => None,
        };
        EncodingReader { encoding: self, decoder }
    }
}

/// Turns text of a character set into UTF-8, piece by piece.
pub struct EncodingReader {
    encoding: Encoding,
    decoder: Option<Decoder>,
}

impl EncodingReader {
    /// The piece as UTF-8; UTF-8 itself is passed on unchecked.
    ///
    /// # Errors
    /// `22021` for bytes that mean nothing in the character set.
    pub fn read<'a>(&mut self, bytes: &'a [u8], last: bool) -> Result<Cow<'a, [u8]>> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(match self.encoding.charset {
                Charset::Latin1 if !bytes.is_ascii() => {
                    Cow::Owned(encoding_rs::mem::decode_latin1(bytes).into_owned().into_bytes())
                }
                _ => Cow::Borrowed(bytes),
            });
        };
        let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3 + 16);
        let mut text = String::with_capacity(room);
        let (result, _, replaced) = decoder.decode_to_string(bytes, &mut text, last);
        if replaced || result == CoderResult::OutputFull {
            let message = format!("invalid byte sequence for encoding \"{}\"", self.encoding.name);
            return Err(Error::new(ErrorKind::CharacterNotInRepertoire, message));
        }
        Ok(Cow::Owned(text.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (name, bytes) in
            [("latin1", &b"\xe9"[..]), ("LATIN-9", b"\xa4"), ("sjis", b"\x82\xa0"), ("WIN1252", b"\x80")]
        {
            let encoding = Encoding::named(name).unwrap();
            let text = encoding.reader().read(bytes, true).unwrap().into_owned();
            let mut back = BytesMut::new();
            encoding.put(&text, &mut back).unwrap();
            assert_eq!(&back[..], bytes, "{name}");
        }
        assert!(Encoding::named("nosuch").is_none());
        let error = Encoding::named("latin1").unwrap().put("€".as_bytes(), &mut BytesMut::new()).unwrap_err();
        assert_eq!(
            error.message(),
            "character with byte sequence 0xe2 0x82 0xac in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\""
        );
    }

    #[test]
    fn a_character_may_come_in_two_pieces() {
        let mut reader = Encoding::named("sjis").unwrap().reader();
        let first = reader.read(b"\x82", false).unwrap().into_owned();
        let second = reader.read(b"\xa0", true).unwrap().into_owned();
        assert_eq!([first, second].concat(), "あ".as_bytes());
    }
}
