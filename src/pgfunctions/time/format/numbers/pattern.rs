//! A pattern for numbers, taken apart.

use crate::error::{Error, ErrorKind, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Nine,
    Zero,
    Point,
    Comma,
    Currency,
    Minus,
    Plus,
    Sign,
    Roman {
        lower: bool,
    },
    Ordinal {
        lower: bool,
    },
    Text(char),
    /// Says something about the whole.
    Nothing,
}

/// Where an `S` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Anchor {
    #[default]
    None,
    Before,
    After,
}

#[derive(Debug, Default)]
pub(super) struct Pattern {
    pub nodes: Vec<Node>,
    /// Places before and after the point.
    pub before: usize,
    pub after: usize,
    pub zero_start: usize,
    pub zero_end: usize,
    pub zeros: bool,
    pub point: bool,
    pub fill: bool,
    pub brackets: bool,
    pub anchor: Anchor,
    pub digits_before_sign: usize,
    pub minus: bool,
    pub plus: bool,
    pub roman: bool,
    /// `B` before the first digit.
    blank: bool,
    /// `V`: digits that the number is shifted by.
    pub shift: Option<usize>,
    pub scientific: bool,
}

fn syntax(message: &str) -> Error {
    Error::new(ErrorKind::SyntaxError, message)
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut pattern = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (inside, after) = quoted.split_once('"').unwrap_or((quoted, ""));
                pattern.nodes.extend(inside.chars().map(Node::Text));
                rest = after;
                continue;
            }
            let two: String = rest.chars().take(2).collect();
            let four: String = rest.chars().take(4).collect();
            let (length, node) = match (four.to_uppercase().as_str(), two.to_uppercase().as_str()) {
                ("EEEE", _) => {
                    pattern.check_scientific()?;
                    pattern.scientific = true;
                    (4, Node::Nothing)
                }
                (_, pair) => match pattern.pair(pair, two.starts_with(|c: char| c.is_lowercase()))? {
                    Some(node) => (2, node),
                    None => (first.len_utf8(), pattern.single(first)?),
                },
            };
            pattern.nodes.push(node);
            rest = &rest[length..];
        }
        Ok(pattern)
    }

    /// # Errors
    /// `42601` where such a number has another way of being written already.
    fn check_scientific(&self) -> Result<()> {
        if self.scientific {
            return Err(syntax("cannot use \"EEEE\" twice"));
        }
        let signed = self.anchor != Anchor::None || self.brackets || self.minus || self.plus;
        if signed || self.blank || self.fill || self.roman || self.shift.is_some() {
            return Err(syntax("\"EEEE\" is incompatible with other formats")
                .with_detail("\"EEEE\" may only be used together with digit and decimal point patterns."));
        }
        Ok(())
    }

    /// # Errors
    /// `42601` where an `S` says already where the sign is.
    fn check_sign(&self, pair: &str) -> Result<()> {
        match self.anchor {
            Anchor::None => Ok(()),
            _ => Err(syntax(&format!("cannot use \"S\" and \"{pair}\" together"))),
        }
    }

    fn pair(&mut self, pair: &str, lower: bool) -> Result<Option<Node>> {
        if self.scientific && ["FM", "MI", "PL", "SG", "PR", "RN"].contains(&pair) {
            return Err(syntax("\"EEEE\" must be the last pattern used"));
        }
        if ["MI", "PL", "SG"].contains(&pair) {
            self.check_sign(pair)?;
        }
        Ok(Some(match pair {
            "FM" => {
                self.fill = true;
                Node::Nothing
            }
            "MI" => {
                self.minus = true;
                Node::Minus
            }
            "PL" => {
                self.plus = true;
                Node::Plus
            }
            "SG" => {
                (self.minus, self.plus) = (true, true);
                Node::Sign
            }
            "PR" => {
                if self.anchor != Anchor::None || self.plus || self.minus {
                    return Err(syntax("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
                }
                self.brackets = true;
                Node::Nothing
            }
            "RN" => {
                self.roman = true;
                Node::Roman { lower }
            }
            "TH" => Node::Ordinal { lower },
            _ => return Ok(None),
        }))
    }

    fn single(&mut self, char: char) -> Result<Node> {
        if self.scientific && "90.DdGg,LlSsVvBb".contains(char) {
            return Err(syntax("\"EEEE\" must be the last pattern used"));
        }
        Ok(match char {
            '9' => {
                if self.brackets {
                    return Err(syntax("\"9\" must be ahead of \"PR\""));
                }
                self.count();
                Node::Nine
            }
            '0' => {
                if self.brackets {
                    return Err(syntax("\"0\" must be ahead of \"PR\""));
                }
                if !self.zeros && !self.point {
                    (self.zeros, self.zero_start) = (true, self.before + 1);
                }
                self.count();
                self.zero_end = self.before + self.after;
                Node::Zero
            }
            '.' | 'D' | 'd' => {
                if self.point {
                    return Err(syntax("multiple decimal points"));
                }
                if self.shift.is_some() {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.point = true;
                Node::Point
            }
            ',' | 'G' | 'g' => Node::Comma,
            'L' | 'l' => Node::Currency,
            'S' | 's' => {
                if self.anchor != Anchor::None {
                    return Err(syntax("cannot use \"S\" twice"));
                }
                if self.plus || self.minus || self.brackets {
                    return Err(syntax("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
                }
                self.anchor = if self.point { Anchor::After } else { Anchor::Before };
                self.digits_before_sign = self.before;
                Node::Nothing
            }
            'V' | 'v' => {
                if self.point {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.shift = Some(0);
                Node::Nothing
            }
            'B' | 'b' => {
                self.blank |= self.before == 0 && self.after == 0 && !self.zeros;
                Node::Nothing
            }
            other => Node::Text(other),
        })
    }

    fn count(&mut self) {
        match (&mut self.shift, self.point) {
            (Some(shift), _) => *shift += 1,
            (None, true) => self.after += 1,
            (None, false) => self.before += 1,
        }
    }
}
