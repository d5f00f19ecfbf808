//! What the shop sells, and to whom.

use std::collections::HashSet;

use chrono::NaiveDate;

use super::calendar::Day;
use super::random::{Random, Weighted};

/// Country, its customers among 4,372, and how much more each of them buys than a British one.
const COUNTRIES: [(&str, f64, f64); 38] = [
    ("United Kingdom", 3950.0, 1.0),
    ("Germany", 95.0, 0.9),
    ("France", 87.0, 0.9),
    ("EIRE", 4.0, 17.0),
    ("Spain", 30.0, 0.8),
    ("Netherlands", 9.0, 2.5),
    ("Belgium", 25.0, 0.8),
    ("Switzerland", 20.0, 0.9),
    ("Portugal", 19.0, 0.8),
    ("Australia", 9.0, 1.3),
    ("Norway", 10.0, 1.0),
    ("Italy", 15.0, 0.5),
    ("Channel Islands", 9.0, 0.8),
    ("Finland", 12.0, 0.6),
    ("Cyprus", 8.0, 0.7),
    ("Sweden", 8.0, 0.6),
    ("Unspecified", 9.0, 0.5),
    ("Austria", 11.0, 0.4),
    ("Denmark", 9.0, 0.4),
    ("Japan", 8.0, 0.4),
    ("Poland", 6.0, 0.5),
    ("Israel", 4.0, 0.6),
    ("USA", 4.0, 0.6),
    ("Hong Kong", 3.0, 0.9),
    ("Singapore", 1.0, 2.0),
    ("Iceland", 1.0, 1.5),
    ("Canada", 4.0, 0.4),
    ("Greece", 4.0, 0.4),
    ("Malta", 2.0, 0.6),
    ("United Arab Emirates", 2.0, 0.4),
    ("European Community", 1.0, 0.6),
    ("RSA", 1.0, 0.5),
    ("Lebanon", 1.0, 0.4),
    ("Lithuania", 1.0, 0.4),
    ("Brazil", 1.0, 0.3),
    ("Czech Republic", 1.0, 0.3),
    ("Bahrain", 2.0, 0.2),
    ("Saudi Arabia", 1.0, 0.2),
];
/// Rows per customer and rows per product in the file that this one imitates.
const ROWS_PER_CUSTOMER: usize = 124;
const PRODUCTS: usize = 3_900;

const STYLES: [&str; 40] = [
    "VINTAGE",
    "RETROSPOT",
    "RED",
    "PINK",
    "BLUE",
    "IVORY",
    "CREAM",
    "WHITE",
    "BLACK",
    "GREEN",
    "SILVER",
    "ANTIQUE",
    "RUSTIC",
    "PAISLEY",
    "POLKADOT",
    "GINGHAM",
    "SCANDINAVIAN",
    "REGENCY",
    "WOODLAND",
    "SPACEBOY",
    "DOLLY GIRL",
    "STRAWBERRY",
    "FRENCH",
    "ENGLISH ROSE",
    "UNION FLAG",
    "SWEETHEART",
    "BAROQUE",
    "CIRCUS PARADE",
    "FAIRY TALE",
    "SKULLS",
    "OWL",
    "DAISY",
    "TOADSTOOL",
    "EMBROIDERED",
    "FELTCRAFT",
    "KNITTED",
    "ENAMEL",
    "ZINC",
    "WOODEN",
    "CERAMIC",
];
const THINGS: [&str; 60] = [
    "T-LIGHT HOLDER",
    "CAKE STAND",
    "LUNCH BAG",
    "JUMBO BAG",
    "HOT WATER BOTTLE",
    "TEA TOWEL",
    "MUG",
    "BOWL",
    "LANTERN",
    "DOORMAT",
    "PHOTO FRAME",
    "WALL CLOCK",
    "ALARM CLOCK",
    "JEWELLERY BOX",
    "NECKLACE",
    "EARRINGS",
    "BRACELET",
    "KEY RING",
    "CANDLE",
    "BUNTING",
    "PAPER NAPKINS",
    "PAPER CHAIN",
    "GIFT WRAP",
    "BIRTHDAY CARD",
    "NOTEBOOK",
    "PENCIL CASE",
    "PLAYING CARDS",
    "CHILDRENS APRON",
    "OVEN GLOVE",
    "RECIPE BOX",
    "SPICE TIN",
    "BREAD BIN",
    "COOKIE JAR",
    "MILK JUG",
    "SUGAR BOWL",
    "EGG CUP",
    "CUTLERY SET",
    "CUSHION COVER",
    "DRAWER KNOB",
    "COAT HANGER",
    "HOOK",
    "MIRROR",
    "METAL SIGN",
    "DOOR STOP",
    "BIRD HOUSE",
    "WATERING CAN",
    "PLANT POT",
    "GARDEN KNEELER",
    "PARASOL",
    "PICNIC BASKET",
    "SHOPPER",
    "PURSE",
    "WASHBAG",
    "HAIR CLIP",
    "MAGIC SLATE",
    "SKIPPING ROPE",
    "TOY THEATRE",
    "JIGSAW",
    "MOBILE",
    "PIN CUSHION",
];
const CHRISTMAS_THINGS: [&str; 12] = [
    "CHRISTMAS TREE",
    "CHRISTMAS STAR DECORATION",
    "ADVENT CALENDAR",
    "CHRISTMAS BAUBLE",
    "CHRISTMAS STOCKING",
    "REINDEER LIGHTS",
    "CHRISTMAS GARLAND",
    "SNOWMAN MOBILE",
    "CHRISTMAS CAKE TIN",
    "CHRISTMAS RIBBON",
    "ANGEL TREE TOP",
    "CHRISTMAS CRACKERS",
];
/// Pence, and how common.
const PRICES: [(u32, f64); 24] = [
    (19, 1.0),
    (29, 1.5),
    (39, 2.5),
    (42, 7.0),
    (55, 3.0),
    (65, 3.0),
    (85, 9.0),
    (125, 15.0),
    (145, 4.0),
    (165, 11.0),
    (195, 5.0),
    (210, 6.0),
    (255, 5.0),
    (295, 9.0),
    (325, 3.0),
    (375, 6.0),
    (425, 3.0),
    (495, 6.0),
    (595, 3.0),
    (795, 3.0),
    (995, 1.5),
    (1275, 0.8),
    (1695, 0.5),
    (2495, 0.2),
];

#[derive(Debug, Clone)]
pub(super) struct Product {
    pub code: String,
    /// As typed in web orders, which sometimes differs in case.
    pub web_code: String,
    pub description: String,
    /// An older name that part of the lines still carry.
    pub old_description: Option<String>,
    pub price_pence: u32,
    /// Sold from this day of business on, until that one.
    pub on_sale: std::ops::Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Customer {
    /// Shops of which nobody took the number have none.
    pub id: Option<u32>,
    pub country: &'static str,
    /// Factor on the size of each basket.
    pub appetite: f64,
    /// Buys by the dozen.
    pub wholesale: bool,
    /// Factor on the pieces of each line.
    pub bulk: i64,
}

#[derive(Debug)]
pub(super) struct Shop {
    pub products: Vec<Product>,
    pub customers: Vec<Customer>,
    /// Who comes how often.
    pub visits: Weighted,
    ordinary: Weighted,
    christmas: Weighted,
}

impl Shop {
    pub(super) fn new(rows: usize, seed: u64, days: &[Day]) -> Self {
        let mut random = Random::new(seed, 1);
        let (products, popularity) = products(&mut random, days.len());
        let ordinary =
            Weighted::new(popularity.iter().map(|(weight, christmas)| if *christmas { weight * 0.1 } else { *weight }));
        let christmas =
            Weighted::new(popularity.iter().map(|(weight, christmas)| if *christmas { weight * 4.0 } else { *weight }));
        let (customers, visits) = customers(&mut random, rows);
        Self { products, customers, visits, ordinary, christmas }
    }

    /// Something that is on sale that day, the popular more often, and not in the basket yet.
    pub(super) fn product(
        &self,
        random: &mut Random,
        day: usize,
        christmas: f64,
        basket: &mut HashSet<usize>,
    ) -> Option<&Product> {
        const ATTEMPTS: usize = 8;
        (0..ATTEMPTS).find_map(|_| {
            let popularity = if random.chance(christmas) { &self.christmas } else { &self.ordinary };
            let index = popularity.draw(random);
            let product = self.products.get(index).filter(|product| product.on_sale.contains(&day))?;
            basket.insert(index).then_some(product)
        })
    }
}

/// Products with their popularity and whether they are for Christmas.
fn products(random: &mut Random, days: usize) -> (Vec<Product>, Vec<(f64, bool)>) {
    let prices = Weighted::new(PRICES.iter().map(|(_, weight)| *weight));
    let mut products = Vec::with_capacity(PRODUCTS);
    let mut popularity = Vec::with_capacity(PRODUCTS);
    let mut number = 10_000;
    for _ in 0..PRODUCTS {
        number += random.between(1, 38);
        let christmas = random.chance(0.06);
        let code = match random.chance(0.3) {
            true => format!("{number}{}", char::from(b'A' + random.below(8) as u8)),
            false => number.to_string(),
        };
        let web_code = if code.len() > 5 && random.chance(0.05) { code.to_lowercase() } else { code.clone() };
        let description = description(random, christmas);
        let old_description =
            random.chance(0.08).then(|| description.trim_end().replace(' ', "  ").replace("SET OF", "SET/"));
        let price_pence = PRICES.get(prices.draw(random)).map_or(125, |(pence, _)| *pence);
        let first = if random.chance(0.7) { 0 } else { random.below(days.max(1)) };
        let last = if random.chance(0.85) { days } else { first + 1 + random.below(days.saturating_sub(first).max(1)) };
        products.push(Product {
            code,
            web_code,
            description,
            old_description,
            price_pence,
            on_sale: first..last.min(days),
        });
        // Cheap things sell more often.
        popularity.push((random.lognormal(60.0, 1.2) * (250.0 / f64::from(price_pence)).powf(0.25), christmas));
    }
    (products, popularity)
}

fn description(random: &mut Random, christmas: bool) -> String {
    let thing = if christmas { random.pick(&CHRISTMAS_THINGS) } else { random.pick(&THINGS) };
    let style = random.pick(&STYLES);
    let mut text = match random.between(0, 19) {
        0 => format!("SET OF {} {style} {thing}S", random.pick(&[2u32, 3, 4, 6, 12])),
        1 => format!("{thing}, {style} DESIGN"),
        2 => format!("{style} {thing} {}\"", random.pick(&[7u32, 10, 12])),
        3 => format!("{thing},{style},{}", random.pick(&["SMALL", "LARGE", "MINI"])),
        4 => format!("PACK OF {} {style} {thing}", random.pick(&[6u32, 12, 20])),
        5 => format!("{style}  {thing}"),
        6 => format!("{} {style} {thing}", random.pick(&["SMALL", "LARGE", "MINI", "JUMBO"])),
        _ => format!("{style} {thing}"),
    };
    if random.chance(0.2) {
        text.push(' ');
    }
    text
}

/// Customers and how often each comes; every country has at least one.
fn customers(random: &mut Random, rows: usize) -> (Vec<Customer>, Weighted) {
    let count = (rows / ROWS_PER_CUSTOMER).max(COUNTRIES.len());
    let by_share = Weighted::new(COUNTRIES.iter().map(|(_, share, _)| *share));
    let mut customers = Vec::with_capacity(count);
    let mut visits = Vec::with_capacity(count);
    let mut id = 12_345;
    for number in 0..count {
        let index = if number < COUNTRIES.len() { number } else { by_share.draw(random) };
        let (country, share, activity) = COUNTRIES.get(index).copied().unwrap_or(COUNTRIES[0]);
        id += random.between(1, 3);
        // A small lake has fewer customers, but still one of each country: theirs must not outweigh the British.
        let expected = (share * count as f64 / 4372.0).min(1.0);
        visits.push(random.lognormal(1.0, 1.15) * activity * if number < COUNTRIES.len() { expected } else { 1.0 });
        customers.push(Customer {
            id: (country != "Hong Kong").then_some(id),
            country,
            appetite: random.lognormal(1.0, 0.5),
            bulk: if random.chance(0.02) { 8 } else { 1 },
            wholesale: country != "United Kingdom" || random.chance(0.3),
        });
    }
    (customers, Weighted::new(visits))
}

/// As the file writes dates.
pub(super) fn us_date(date: NaiveDate) -> String {
    date.format("%-m/%-d/%Y").to_string()
}
