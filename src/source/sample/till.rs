//! A day at the till: invoices of all kinds, with all the dirt that real ones have.

use std::collections::{HashSet, VecDeque};

use super::calendar::{Day, FIRST_HOUR, HOURS};
use super::random::{Random, Weighted};
use super::shop::{Product, Shop};

/// Sales that a cancellation may refer to.
const REMEMBERED_SALES: usize = 4_096;
/// Share of a basket's lines that the till books twice.
const DUPLICATES: f64 = 0.0105;
/// What the warehouse writes where a description should be.
const REMARKS: [&str; 14] = [
    "check",
    "damages",
    "damaged",
    "?",
    "found",
    "Found",
    "sold as set on dotcom",
    "adjustment",
    "Damaged",
    "thrown away",
    "Unsaleable, destroyed.",
    "amazon",
    "wet/rusty",
    "lost??",
];
/// Pieces on a line, and how common, in a shop for people and in one for shops.
const QUANTITIES: [(i64, f64, f64); 16] = [
    (1, 40.0, 8.0),
    (2, 20.0, 10.0),
    (3, 8.0, 5.0),
    (4, 6.0, 10.0),
    (5, 2.0, 2.0),
    (6, 5.0, 14.0),
    (8, 1.0, 5.0),
    (10, 2.0, 8.0),
    (12, 2.0, 22.0),
    (16, 0.2, 2.0),
    (20, 0.3, 2.0),
    (24, 0.3, 9.0),
    (36, 0.05, 1.5),
    (48, 0.05, 2.5),
    (96, 0.01, 0.8),
    (144, 0.0, 0.4),
];

/// One row of the file.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub code: String,
    pub description: String,
    pub quantity: i64,
    /// Thousandths of a pound.
    pub price_mills: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Invoice {
    /// `C` for a cancellation, `A` for bad debt.
    pub prefix: &'static str,
    /// Since midnight.
    pub minute: u32,
    pub customer: Option<u32>,
    pub country: &'static str,
    pub lines: Vec<Line>,
}

/// Writes invoices; remembers sales, since goods come back.
#[derive(Debug)]
pub(super) struct Till<'a> {
    shop: &'a Shop,
    random: Random,
    sales: VecDeque<Invoice>,
    hours: Weighted,
    retail: Weighted,
    wholesale: Weighted,
}

impl<'a> Till<'a> {
    pub(super) fn new(shop: &'a Shop, seed: u64) -> Self {
        Self {
            shop,
            random: Random::new(seed, 2),
            sales: VecDeque::with_capacity(REMEMBERED_SALES),
            hours: Weighted::new(HOURS),
            retail: Weighted::new(QUANTITIES.iter().map(|(_, retail, _)| *retail)),
            wholesale: Weighted::new(QUANTITIES.iter().map(|(_, _, wholesale)| *wholesale)),
        }
    }

    /// Invoices with exactly `rows` lines in all, by time. `expected` are customers who come that day for certain.
    pub(super) fn day(&mut self, index: usize, day: &Day, rows: usize, expected: &[usize]) -> Vec<Invoice> {
        let mut invoices = Vec::new();
        let mut left = rows;
        let mut expected = expected.iter().copied();
        while left > 0 {
            let mut invoice = match expected.next() {
                Some(customer) => self.sale(index, day, customer),
                None => self.any(index, day),
            };
            invoice.lines.truncate(left);
            left -= invoice.lines.len();
            if !invoice.lines.is_empty() {
                invoices.push(invoice);
            }
        }
        invoices.sort_by_key(|invoice| invoice.minute);
        invoices
    }

    fn any(&mut self, index: usize, day: &Day) -> Invoice {
        match self.random.unit() {
            kind if kind < 0.19 => self.cancellation(),
            kind if kind < 0.31 => self.stock_taking(index, day),
            kind if kind < 0.383 => self.web_order(index, day),
            kind if kind < 0.387 => self.charge(),
            _ => {
                let customer = self.shop.visits.draw(&mut self.random);
                self.sale(index, day, customer)
            }
        }
    }

    fn minute(&mut self) -> u32 {
        (FIRST_HOUR + self.hours.draw(&mut self.random) as u32) * 60 + self.random.between(0, 59)
    }

    fn sale(&mut self, index: usize, day: &Day, customer: usize) -> Invoice {
        let shop = self.shop;
        let Some(customer) = shop.customers.get(customer) else { return self.stock_taking(index, day) };
        let count = (self.random.lognormal(14.5, 0.85) * customer.appetite).clamp(1.0, 540.0) as usize;
        let (mut lines, mut basket) = (Vec::with_capacity(count + 1), HashSet::new());
        for _ in 0..count {
            let Some(product) = shop.product(&mut self.random, index, day.christmas, &mut basket) else { continue };
            let amounts = if customer.wholesale { &self.wholesale } else { &self.retail };
            let quantity = QUANTITIES.get(amounts.draw(&mut self.random)).map_or(1, |(quantity, _, _)| *quantity);
            self.line(&mut lines, product, false, quantity * customer.bulk);
        }
        if customer.country != "United Kingdom" && self.random.chance(0.6) {
            lines.push(match customer.country {
                "EIRE" | "Channel Islands" => other("C2", "CARRIAGE", 1, 50_000),
                _ => other(
                    "POST",
                    "POSTAGE",
                    i64::from(self.random.between(1, 4)),
                    self.random.pick(&[15_000, 18_000, 28_000, 40_000]),
                ),
            });
        }
        if self.random.chance(0.015) {
            lines.push(other("M", "Manual", 1, i64::from(self.random.between(1, 40_000)) * 10));
        }
        if self.random.chance(0.0015)
            && let Some(line) = lines.first_mut()
        {
            // A gift.
            line.price_mills = 0;
        }
        let invoice =
            Invoice { prefix: "", minute: self.minute(), customer: customer.id, country: customer.country, lines };
        if self.sales.len() == REMEMBERED_SALES {
            self.sales.pop_front();
        }
        self.sales.push_back(invoice.clone());
        invoice
    }

    /// A big basket of single pieces at retail prices, by nobody known.
    fn web_order(&mut self, index: usize, day: &Day) -> Invoice {
        let shop = self.shop;
        let count = self.random.lognormal(55.0, 1.05).clamp(1.0, 1_110.0) as usize;
        let (mut lines, mut basket) = (Vec::with_capacity(count + 1), HashSet::new());
        for _ in 0..count {
            let Some(product) = shop.product(&mut self.random, index, day.christmas, &mut basket) else { continue };
            let quantity = QUANTITIES.get(self.retail.draw(&mut self.random)).map_or(1, |(quantity, _, _)| *quantity);
            self.line(&mut lines, product, true, quantity);
        }
        if self.random.chance(0.55) {
            lines.push(other("DOT", "DOTCOM POSTAGE", 1, i64::from(self.random.between(500, 90_000)) * 10));
        }
        if self.random.chance(0.05) {
            let pounds = self.random.pick(&[10i64, 20, 30, 40, 50]);
            let description = format!("Dotcomgiftshop Gift Voucher £{pounds}.00");
            lines.push(Line { description, ..other(&format!("gift_0001_{pounds}"), "", 1, pounds * 851) });
        }
        let country = if self.random.chance(0.98) {
            "United Kingdom"
        } else {
            self.random.pick(&["Unspecified", "Hong Kong", "EIRE"])
        };
        Invoice { prefix: "", minute: self.minute(), customer: None, country, lines }
    }

    fn line(&mut self, lines: &mut Vec<Line>, product: &Product, web: bool, quantity: i64) {
        let description = match &product.old_description {
            Some(old) if self.random.chance(0.3) => old,
            _ => &product.description,
        };
        let list = i64::from(product.price_pence) * 10;
        let price_mills = match quantity {
            // Web prices carry the tax that shops get back, and end in pence.
            _ if web => (list * 5 / 3 + 5) / 10 * 10,
            24.. => (list * 17 / 20 + 5) / 10 * 10,
            _ => list,
        };
        let code = if web { &product.web_code } else { &product.code };
        let line = Line { code: code.clone(), description: description.clone(), quantity, price_mills };
        if self.random.chance(DUPLICATES) {
            lines.push(line.clone());
        }
        lines.push(line);
    }

    /// Some of an earlier sale comes back.
    fn cancellation(&mut self) -> Invoice {
        let minute = self.minute();
        let count = (self.random.lognormal(1.7, 0.95) as usize).max(1);
        let index = if self.sales.is_empty() { 0 } else { self.random.below(self.sales.len()) };
        let Some(sale) = self.sales.get(index) else {
            return Invoice {
                prefix: "C",
                minute,
                customer: None,
                country: "United Kingdom",
                lines: vec![other("D", "Discount", -1, 27_500)],
            };
        };
        let (customer, country) = (sale.customer, sale.country);
        let begin = self.random.below(sale.lines.len().max(1));
        let mut lines: Vec<_> = sale.lines.iter().skip(begin).take(count).cloned().collect();
        for line in &mut lines {
            let whole = u32::try_from(line.quantity.abs()).unwrap_or(1).max(1);
            line.quantity = -i64::from(self.random.between(1, whole));
        }
        if lines.is_empty() || self.random.chance(0.02) {
            lines.push(other("D", "Discount", -1, i64::from(self.random.between(100, 30_000)) * 10));
        }
        Invoice { prefix: "C", minute, customer, country, lines }
    }

    /// The warehouse writes something off, or finds it again: no price, no customer, often no description.
    fn stock_taking(&mut self, index: usize, day: &Day) -> Invoice {
        let code = self
            .shop
            .product(&mut self.random, index, day.christmas, &mut HashSet::new())
            .map_or("PADS", |product| &product.code)
            .to_owned();
        let description = if self.random.chance(0.58) { "" } else { self.random.pick(&REMARKS) };
        let pieces = self.random.lognormal(18.0, 1.6).clamp(1.0, 12_540.0) as i64;
        let quantity = if self.random.chance(0.53) { -pieces } else { pieces };
        let lines = vec![Line { description: description.to_owned(), ..other(&code, "", quantity, 0) }];
        Invoice { prefix: "", minute: self.minute(), customer: None, country: "United Kingdom", lines }
    }

    /// What a bank or a market place takes.
    fn charge(&mut self) -> Invoice {
        let (prefix, line) = match self.random.between(0, 3) {
            0 => ("C", other("AMAZONFEE", "AMAZON FEE", -1, i64::from(self.random.between(100_000, 1_700_000)) * 10)),
            1 => ("C", other("BANK CHARGES", "Bank Charges", -1, i64::from(self.random.between(500, 100_000)) * 10)),
            2 => ("", other("BANK CHARGES", "Bank Charges", 1, 15_000)),
            _ => ("C", other("S", "SAMPLES", -1, i64::from(self.random.between(100, 20_000)) * 10)),
        };
        Invoice { prefix, minute: self.minute(), customer: None, country: "United Kingdom", lines: vec![line] }
    }

    /// A customer went bankrupt: one of these has a positive price, two have a negative one.
    pub(super) fn bad_debts(&mut self) -> Vec<Invoice> {
        let debt = i64::from(self.random.between(900_000, 1_300_000)) * 10 + 60;
        let line = |price| vec![other("B", "Adjust bad debt", 1, price)];
        [(890, debt), (891, -debt), (892, -debt)]
            .map(|(minute, price)| Invoice {
                prefix: "A",
                minute,
                customer: None,
                country: "United Kingdom",
                lines: line(price),
            })
            .into()
    }

    /// Somebody ordered a whole production by mistake and noticed soon after.
    pub(super) fn mistake(&mut self, index: usize, day: &Day) -> Option<[Invoice; 2]> {
        let shop = self.shop;
        let product = shop.product(&mut self.random, index, day.christmas, &mut HashSet::new())?;
        let customer =
            shop.customers.iter().find(|customer| customer.country == "United Kingdom" && customer.id.is_some())?;
        let quantity = i64::from(self.random.between(70_000, 90_000));
        let line = |quantity| {
            vec![Line { description: product.description.clone(), ..other(&product.code, "", quantity, 1_040) }]
        };
        let invoice = |prefix, minute, quantity| Invoice {
            prefix,
            minute,
            customer: customer.id,
            country: customer.country,
            lines: line(quantity),
        };
        Some([invoice("", 555, quantity), invoice("C", 567, -quantity)])
    }
}

fn other(code: &str, description: &str, quantity: i64, price_mills: i64) -> Line {
    Line { code: code.to_owned(), description: description.to_owned(), quantity, price_mills }
}
