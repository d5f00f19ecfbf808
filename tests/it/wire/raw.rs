//! A client that speaks the protocol by hand, to say what no driver would.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything here takes; a server that does not answer must fail the test, not hang it.
const PATIENCE: Duration = Duration::from_secs(60);

/// One message from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub tag: char,
    pub body: Vec<u8>,
}

impl Answer {
    /// Field of an ErrorResponse or NoticeResponse.
    pub fn field(&self, code: u8) -> Option<String> {
        assert!(matches!(self.tag, 'E' | 'N'), "{self:?}");
        self.body
            .split(|byte| *byte == 0)
            .find(|field| field.first() == Some(&code))
            .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
    }
    pub fn sqlstate(&self) -> String {
        self.field(b'C').expect("every error has a SQLSTATE")
    }
    /// Texts of a DataRow.
    pub fn values(&self) -> Vec<Option<String>> {
        assert_eq!(self.tag, 'D', "{self:?}");
        let mut rest = &self.body[2..];
        let mut values = Vec::new();
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let length = i32::from_be_bytes(*length);
            let size = length.max(0) as usize;
            values.push((length >= 0).then(|| String::from_utf8_lossy(&tail[..size]).into_owned()));
            rest = &tail[size..];
        }
        values
    }
    /// A body that is one zero-terminated text, such as a command tag.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.body.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
    }
}

pub struct Raw {
    pub stream: TcpStream,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    /// Connected and logged in: everything up to ReadyForQuery.
    pub async fn start(address: SocketAddr, parameters: &[(&str, &str)]) -> (Self, Vec<Answer>) {
        let mut raw = Self::connect(address).await;
        raw.startup(0x0003_0000, parameters).await;
        let answers = raw.until_ready().await;
        (raw, answers)
    }

    pub async fn startup(&mut self, version: u32, parameters: &[(&str, &str)]) {
        let mut body = version.to_be_bytes().to_vec();
        for (name, value) in [("user", "ana"), ("database", "lake")].iter().chain(parameters) {
            body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
        }
        body.push(0);
        self.packet(&body).await;
    }

    /// A packet without a type: start-up, SSL request, cancel request.
    pub async fn packet(&mut self, body: &[u8]) {
        let mut packet = (body.len() as u32 + 4).to_be_bytes().to_vec();
        packet.extend_from_slice(body);
        self.stream.write_all(&packet).await.unwrap();
    }

    pub async fn send(&mut self, messages: &[(char, Vec<u8>)]) {
        let mut bytes = Vec::new();
        for (tag, body) in messages {
            bytes.push(*tag as u8);
            bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
            bytes.extend_from_slice(body);
        }
        self.stream.write_all(&bytes).await.unwrap();
    }

    pub async fn query(&mut self, sql: &str) -> Vec<Answer> {
        self.send(&[query(sql)]).await;
        self.until_ready().await
    }

    /// The next message; `None` where the server has closed.
    pub async fn answer(&mut self) -> Option<Answer> {
        let read = async {
            let mut header = [0; 5];
            self.stream.read_exact(&mut header).await.ok()?;
            let [tag, length @ ..] = header;
            let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
            self.stream.read_exact(&mut body).await.ok()?;
            Some(Answer { tag: tag as char, body })
        };
        tokio::time::timeout(PATIENCE, read).await.expect("the server answers")
    }

    pub async fn until_ready(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let answer = self.answer().await.unwrap_or_else(|| panic!("closed after {answers:?}"));
            let ready = answer.tag == 'Z';
            answers.push(answer);
            if ready {
                return answers;
            }
        }
    }

    /// All there is until the server closes.
    pub async fn until_closed(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(answer) = self.answer().await {
            answers.push(answer);
        }
        answers
    }
}

pub fn query(sql: &str) -> (char, Vec<u8>) {
    ('Q', format!("{sql}\0").into_bytes())
}

pub fn parse(name: &str, sql: &str) -> (char, Vec<u8>) {
    ('P', format!("{name}\0{sql}\0\0\0").into_bytes())
}

/// Text parameters, text results.
pub fn bind(portal: &str, statement: &str, parameters: &[&str]) -> (char, Vec<u8>) {
    let mut body = format!("{portal}\0{statement}\0\0\0").into_bytes();
    body.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
    for parameter in parameters {
        body.extend_from_slice(&(parameter.len() as u32).to_be_bytes());
        body.extend_from_slice(parameter.as_bytes());
    }
    body.extend_from_slice(&[0, 0]);
    ('B', body)
}

pub fn describe(kind: char, name: &str) -> (char, Vec<u8>) {
    ('D', format!("{kind}{name}\0").into_bytes())
}

pub fn execute(portal: &str, rows_max: u32) -> (char, Vec<u8>) {
    let mut body = format!("{portal}\0").into_bytes();
    body.extend_from_slice(&rows_max.to_be_bytes());
    ('E', body)
}

pub fn close(kind: char, name: &str) -> (char, Vec<u8>) {
    ('C', format!("{kind}{name}\0").into_bytes())
}

pub fn sync() -> (char, Vec<u8>) {
    ('S', Vec::new())
}

/// The types of the messages, in order: `TDDCZ`.
pub fn tags(answers: &[Answer]) -> String {
    answers.iter().map(|answer| answer.tag).collect()
}

/// First column of the rows.
pub fn column(answers: &[Answer]) -> Vec<String> {
    let rows = answers.iter().filter(|answer| answer.tag == 'D');
    rows.map(|row| row.values()[0].clone().unwrap_or_else(|| "<null>".to_owned())).collect()
}

/// The error among the answers.
pub fn error(answers: &[Answer]) -> &Answer {
    answers.iter().find(|answer| answer.tag == 'E').unwrap_or_else(|| panic!("no error in {answers:?}"))
}
