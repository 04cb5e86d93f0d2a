//! `--qr`: a document as QR codes, on the terminal or as PNG.
//!
//! A document that one code holds is carried as it is, so that any scanner gives it back; a longer one is split into parts.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use mintage::split;
use png::{BitDepth, ColorType, Encoder};
use qrcodegen::{QrCode, QrCodeEcc, QrSegment, Version};

use crate::failure::Failure;
use crate::files::{Mode, Overwrite, Placed, Unfinished};
use crate::render::Terminal;

/// How many modules of nothing stand around a code.
const QUIET: i32 = 4;

/// How many pixels a module of a picture is wide and high.
const PIXELS: usize = 8;

/// What a code may hold, by where it is shown.
struct Canvas {
    version: u8,
    correction: QrCodeEcc,
    /// The most characters of a part: those of the alphanumeric mode that such a code holds.
    width: usize,
}

/// 77 columns with its margin, which a terminal of 80 has. A screen is clean, so the least correction does.
const SCREEN: Canvas = Canvas { version: 13, correction: QrCodeEcc::Low, width: 619 };

/// As large as a telephone reads from paper without care, with correction for creases.
const PAPER: Canvas = Canvas { version: 20, correction: QrCodeEcc::Medium, width: 970 };

/// Asks for QR codes of a document.
#[derive(Args, Debug)]
pub(crate) struct QrArgs {
    /// Also show the document as a QR code, or as several, on the terminal; or write them as FILE.png, or FILE-1.png and so
    /// on. What is scanned, in any order, goes into one text that `inspect`, `verify` and `activate` read
    #[arg(long, value_name = "FILE.png", num_args = 0..=1, require_equals = true, default_missing_value = "-", value_parser = place)]
    qr: Option<Place>,
}

/// Where codes are shown.
#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Terminal,
}

/// The codes of a document, drawn but not shown; dropped so, none of their files stay.
#[must_use = "show them, or they are taken back"]
pub(crate) enum Pictures {
    Files(Vec<(PathBuf, Placed)>),
    None,
    Terminal(Vec<QrCode>),
}

impl QrArgs {
    /// Draws a document, if that was asked for. Its files are in place then, and taken back unless they are shown.
    pub(crate) fn draw(&self, document: &str, overwrite: Overwrite) -> anyhow::Result<Pictures> {
        let document = document.trim_end_matches('\n');
        match &self.qr {
            None => Ok(Pictures::None),
            Some(Place::Terminal) => encode(document, &SCREEN).map(Pictures::Terminal),
            Some(Place::File(path)) => {
                let codes = encode(document, &PAPER)?;
                let paths = (1..=codes.len())
                    .map(|number| if codes.len() == 1 { path.clone() } else { numbered(path, number) });
                // All of them before any: one that exists is found before another is written.
                let files = paths.map(|path| {
                    let file = Unfinished::create(&path, Mode::Public, overwrite)?;
                    Ok((path, file))
                });
                let files: Vec<_> = files.collect::<anyhow::Result<_>>()?;
                let place = |(code, (path, mut file)): (&QrCode, (PathBuf, Unfinished))| {
                    file.append(&png(code)?)?;
                    Ok((path, file.place()?))
                };
                codes.iter().zip(files).map(place).collect::<anyhow::Result<_>>().map(Pictures::Files)
            }
        }
    }
}

impl Pictures {
    /// Shows the codes on standard error, or keeps their files.
    pub(crate) fn show(self, terminal: &Terminal) {
        match self {
            Self::None => {}
            Self::Terminal(codes) => {
                for (number, code) in (1..).zip(&codes) {
                    if codes.len() > 1 {
                        terminal.picture(&format!("part {number} of {}\n", codes.len()));
                    }
                    terminal.picture(&half_blocks(code, terminal.colors_notes()));
                }
            }
            Self::Files(files) => {
                for (path, file) in files {
                    file.keep();
                    terminal.note(&format!("wrote `{}`", path.display()));
                }
            }
        }
    }
}

fn encode(document: &str, canvas: &Canvas) -> anyhow::Result<Vec<QrCode>> {
    let code = |segment: QrSegment| {
        let most = Version::new(canvas.version);
        QrCode::encode_segments_advanced(&[segment], canvas.correction, Version::MIN, most, None, true)
    };
    if document.is_ascii()
        && let Ok(code) = code(QrSegment::make_bytes(document.as_bytes()))
    {
        return Ok(vec![code]);
    }
    let parts = split::split(document.as_bytes(), canvas.width).map_err(|error| {
        let hint = "hand it over as a file, or as text with --armor";
        Failure::new(error.code(), format_args!("QR codes: {error}")).hint(hint).unable()
    })?;
    parts.iter().map(|part| code(QrSegment::make_alphanumeric(part)).context("QR code")).collect()
}

/// Draws two rows of modules in one of characters. In colour it is black on white whatever the terminal's own are; without,
/// it is made for light text on a dark ground, which scanners take both ways round.
fn half_blocks(code: &QrCode, in_color: bool) -> String {
    let range = -QUIET..code.size() + QUIET;
    let filled = |x: i32, y: i32| range.contains(&y) && code.get_module(x, y) == in_color;
    let (ink, end) = if in_color { ("\x1b[38;5;16;48;5;231m", "\x1b[0m\n") } else { ("", "\n") };
    let mut picture = String::new();
    for y in range.clone().step_by(2) {
        picture.push_str(ink);
        for x in range.clone() {
            picture.push(match (filled(x, y), filled(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        picture.push_str(end);
    }
    picture
}

fn png(code: &QrCode) -> anyhow::Result<Vec<u8>> {
    let range = -QUIET..code.size() + QUIET;
    let side = range.len() * PIXELS;
    let mut pixels = Vec::with_capacity(side * side / 8);
    for y in range.clone() {
        // A module is as wide as a byte has bits; white is 1.
        let row: Vec<u8> = range.clone().map(|x| if code.get_module(x, y) { 0 } else { 0xff }).collect();
        (0..PIXELS).for_each(|_| pixels.extend(&row));
    }
    let mut file = Vec::new();
    let side = u32::try_from(side)?;
    let mut encoder = Encoder::new(&mut file, side, side);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

fn place(text: &str) -> Result<Place, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        _ if text == "-" => Ok(Place::Terminal),
        Some(extension) if extension.eq_ignore_ascii_case("png") => Ok(Place::File(path)),
        _ => Err("codes are written as PNG; name FILE.png".to_owned()),
    }
}

/// Spells `FILE-2.png`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}."));
    name.push(path.extension().unwrap_or_default());
    path.with_file_name(name)
}
