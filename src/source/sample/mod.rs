//! A retail data set from nothing: deterministic by seed, and as dirty as a real one.
//!
//! It imitates the UCI *Online Retail* file: a British gift shop's invoice lines of a year, ISO-8859-1, CRLF, American
//! dates; with cancellations, lines booked twice, missing customers, prices of zero and below, remarks of the warehouse
//! instead of descriptions, codes that differ by case only, stray spaces, and quantities that somebody typed wrong.
//!
//! Invariant: the same rows and seed give the same bytes.
//! Invariant: files appear under their names only when they are whole.

mod calendar;
mod random;
mod shop;
mod till;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use chrono::{Datelike, NaiveDate};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::{Error, Result};
use calendar::Day;
use random::Random;
use shop::{Shop, us_date};
use till::{Invoice, Line, Till};

pub const INVOICES_FILE: &str = "online_retail.csv.gz";
pub const CUSTOMERS_FILE: &str = "customer_data.csv";
pub const PRODUCTS_FILE: &str = "product_catalog.csv";

const FIRST_INVOICE: u32 = 536_365;
/// Below this there is no room for every kind of dirt.
const ROWS_FOR_RARE_EVENTS: usize = 5_000;
/// Days written ahead of the compressor.
const DAYS_AHEAD: usize = 8;

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Lines of invoices, exactly.
    pub rows: usize,
    pub seed: u64,
}

impl Sample {
    /// Writes the three files into `dir`, which is made where it is missing. `progress` is told the rows written so far.
    ///
    /// # Errors
    /// What writing gave.
    pub fn write(&self, dir: &Path, progress: impl FnMut(u64)) -> Result<()> {
        let context = |error: std::io::Error| {
            Error::from(error).context(format_args!("cannot write sample data to {}", dir.display()))
        };
        self.try_write(dir, progress).map_err(context)
    }

    fn try_write(&self, dir: &Path, progress: impl FnMut(u64)) -> std::io::Result<()> {
        fs::create_dir_all(dir)?;
        let mut seen = Seen::default();
        let invoices = self.invoices(&part(dir, INVOICES_FILE), &mut seen, progress)?;
        seen.write_customers(&part(dir, CUSTOMERS_FILE))?;
        seen.write_products(&part(dir, PRODUCTS_FILE))?;
        debug_assert_eq!(invoices, self.rows);
        // The invoices last: whoever finds them finds all.
        for name in [CUSTOMERS_FILE, PRODUCTS_FILE, INVOICES_FILE] {
            fs::rename(part(dir, name), dir.join(name))?;
        }
        Ok(())
    }

    /// Writes the invoices while another thread compresses them; returns the rows.
    fn invoices(&self, path: &Path, seen: &mut Seen, mut progress: impl FnMut(u64)) -> std::io::Result<usize> {
        let mut gzip = GzEncoder::new(BufWriter::new(File::create(path)?), Compression::fast());
        let (sender, receiver) = sync_channel::<Vec<u8>>(DAYS_AHEAD);
        std::thread::scope(|scope| {
            let compressor = scope.spawn(move || {
                for text in receiver {
                    gzip.write_all(&text)?;
                }
                gzip.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
            });
            let mut rows = 0;
            let mut text =
                b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n".to_vec();
            self.days(|day, number, invoice| {
                rows += invoice.lines.len();
                seen.invoice(day.date, invoice);
                write_invoice(&mut text, &us_date(day.date), number, invoice);
                if text.len() > 1 << 18 {
                    progress(rows as u64);
                    // A compressor that failed says why below.
                    let _ = sender.send(std::mem::take(&mut text));
                }
            });
            let _ = sender.send(text);
            drop(sender);
            match compressor.join() {
                Ok(result) => result.map(|()| rows),
                Err(_) => Err(std::io::Error::other("the compressing thread ended early")),
            }
        })
    }

    /// All invoices in order, each with its day and number.
    fn days(&self, mut each: impl FnMut(&Day, u32, &Invoice)) {
        let days = calendar::days();
        let shop = Shop::new(self.rows, self.seed, &days);
        let mut random = Random::new(self.seed, 3);
        let mut till = Till::new(&shop, self.seed);
        // Nobody in the customers' book never bought.
        let mut expected = vec![Vec::new(); days.len()];
        for customer in 0..shop.customers.len() {
            let day = random.below(days.len());
            if let Some(expected) = expected.get_mut(day) {
                expected.push(customer);
            }
        }
        let weights: Vec<f64> = days.iter().map(|day| day.weight * random.lognormal(1.0, 0.18)).collect();
        let total: f64 = weights.iter().sum();
        let (mut until, mut written, mut number) = (0.0, 0, FIRST_INVOICE);
        for (index, (day, weight)) in days.iter().zip(&weights).enumerate() {
            until += weight / total * self.rows as f64;
            let last = index + 1 == days.len();
            let quota = if last { self.rows } else { (until as usize).min(self.rows) } - written;
            let mut special =
                if self.rows >= ROWS_FOR_RARE_EVENTS { rare(&mut till, index, day, days.len()) } else { Vec::new() };
            special.truncate(quota);
            let ordinary = quota - special.len();
            let mut invoices = till.day(index, day, ordinary, expected.get(index).map_or(&[], Vec::as_slice));
            invoices.extend(special);
            invoices.sort_by_key(|invoice| invoice.minute);
            for invoice in &invoices {
                each(day, number, invoice);
                // Numbers that were begun and given up leave gaps.
                number += random.pick(&[1u32, 1, 1, 2]);
            }
            written += quota;
        }
    }
}

/// What happens once a year, one line an invoice.
fn rare(till: &mut Till<'_>, index: usize, day: &Day, days: usize) -> Vec<Invoice> {
    match (day.date.month(), day.date.day()) {
        (8, 12) => till.bad_debts(),
        _ if index + 1 == days => till.mistake(index, day).map(Vec::from).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Hidden, so that no source takes it for a file.
fn part(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!(".{name}.part"))
}

fn write_invoice(text: &mut Vec<u8>, date: &str, number: u32, invoice: &Invoice) {
    let invoice_no = format!("{}{number}", invoice.prefix);
    let minutes = format!("{date} {}:{:02}", invoice.minute / 60, invoice.minute % 60);
    let customer = invoice.customer.map(|id| id.to_string()).unwrap_or_default();
    for line in &invoice.lines {
        let Line { code, description, quantity, price_mills } = line;
        for field in [&invoice_no, code, description] {
            write_field(text, field);
            text.push(b',');
        }
        // Writing to memory does not fail.
        let _ = write!(text, "{quantity},{minutes},");
        write_price(text, *price_mills);
        let _ = write!(text, ",{customer},{}\r\n", invoice.country);
    }
}

/// ISO-8859-1, in quotes where it must be.
fn write_field(text: &mut Vec<u8>, field: &str) {
    write_encoded(text, field, |text, c| text.push(u8::try_from(c).unwrap_or(b'?')));
}

/// UTF-8, in quotes where it must be.
fn write_utf8_field(text: &mut Vec<u8>, field: &str) {
    write_encoded(text, field, |text, c| text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()));
}

fn write_encoded(text: &mut Vec<u8>, field: &str, encode: impl Fn(&mut Vec<u8>, char)) {
    let quoted = field.contains([',', '"', '\n', '\r']);
    if quoted {
        text.push(b'"');
    }
    for c in field.chars() {
        if c == '"' {
            text.push(b'"');
        }
        encode(text, c);
    }
    if quoted {
        text.push(b'"');
    }
}

/// Thousandths as `2.55`, without zeros at the end.
fn write_price(text: &mut Vec<u8>, mills: i64) {
    let sign = if mills < 0 { "-" } else { "" };
    let (whole, rest) = (mills.unsigned_abs() / 1_000, mills.unsigned_abs() % 1_000);
    let _ = write!(text, "{sign}{whole}");
    if rest > 0 {
        let digits = format!(".{rest:03}");
        text.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

/// What the invoices say of customers and products.
#[derive(Default)]
struct Seen {
    customers: BTreeMap<u32, SeenCustomer>,
    products: BTreeMap<String, SeenProduct>,
}

struct SeenCustomer {
    country: &'static str,
    first: NaiveDate,
    last: NaiveDate,
}

struct SeenProduct {
    description: String,
    prices: BTreeSet<i64>,
    first: NaiveDate,
}

impl Seen {
    fn invoice(&mut self, day: NaiveDate, invoice: &Invoice) {
        if let Some(id) = invoice.customer {
            let new = SeenCustomer { country: invoice.country, first: day, last: day };
            self.customers.entry(id).or_insert(new).last = day;
        }
        for line in &invoice.lines {
            if !self.products.contains_key(&line.code) {
                let new = SeenProduct { description: String::new(), prices: BTreeSet::new(), first: day };
                self.products.insert(line.code.clone(), new);
            }
            if let Some(product) = self.products.get_mut(&line.code)
                && line.price_mills > 0
            {
                if product.description.is_empty() {
                    product.description.clone_from(&line.description);
                }
                product.prices.insert(line.price_mills);
            }
        }
    }

    fn write_customers(&self, path: &Path) -> std::io::Result<()> {
        let mut text = b"CustomerID,Country,FirstSeen,LastSeen\n".to_vec();
        for (id, customer) in &self.customers {
            writeln!(text, "{id},{},{},{}", customer.country, customer.first, customer.last)?;
        }
        write_whole(path, &text)
    }

    /// Half a product's prices lie under its list price.
    fn write_products(&self, path: &Path) -> std::io::Result<()> {
        let mut text = b"StockCode,Description,ListPrice,FirstSold\n".to_vec();
        for (code, product) in &self.products {
            write_utf8_field(&mut text, code);
            text.push(b',');
            write_utf8_field(&mut text, &product.description);
            text.push(b',');
            write_price(&mut text, product.prices.iter().nth(product.prices.len() / 2).copied().unwrap_or(0));
            writeln!(text, ",{}", product.first)?;
        }
        write_whole(path, &text)
    }
}

fn write_whole(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
