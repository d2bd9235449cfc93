//! A DNS server that does not tell the truth: bytes by hand, over UDP; TCP is refused.

use std::net::SocketAddr;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    Silence,
    /// Bytes that are no message.
    Noise,
    /// A message that says it is not whole, each time.
    Truncated,
    /// The answer to another question.
    OtherQuestion,
    /// A right header for 65,535 records, of which there is none.
    Counts,
    /// A name that points to itself.
    NameLoop,
    /// A record that is longer than the message.
    Length,
    /// The answer with another number.
    OtherNumber,
    /// SERVFAIL.
    Failure,
}

impl Lie {
    pub(crate) const ALL: [Self; 9] = [
        Self::Silence,
        Self::Noise,
        Self::Truncated,
        Self::OtherQuestion,
        Self::Counts,
        Self::NameLoop,
        Self::Length,
        Self::OtherNumber,
        Self::Failure,
    ];

    fn answer(self, query: &[u8]) -> Option<Vec<u8>> {
        // Without the record of EDNS at the end: a header, the question, and what the lie adds.
        let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap_or(0) + 5;
        let mut message = query[..end].to_vec();
        message[2] = 0x81;
        message[3] = 0x80;
        message[6..12].fill(0);
        let one = |message: &mut Vec<u8>, record: &[u8]| {
            message[7] = 1;
            message.extend_from_slice(record);
        };
        // The type TXT, the class IN, a minute, and a length.
        let text = [0, 16, 0, 1, 0, 0, 0, 60, 0, 4, 3, b'a', b'b', b'c'];
        match self {
            Self::Silence => return None,
            Self::Noise => return Some(vec![0xFF; 600]),
            Self::Truncated => message[2] |= 2,
            Self::OtherQuestion => {
                message[13] ^= 1;
                one(&mut message, &[&[0xC0, 12], &text[..]].concat());
            }
            Self::Counts => message[6..8].fill(0xFF),
            Self::NameLoop => {
                let here = u8::try_from(message.len()).unwrap();
                one(&mut message, &[&[0xC0, here], &text[..]].concat());
            }
            Self::Length => {
                let mut record = [&[0xC0, 12], &text[..]].concat();
                record[10..12].fill(0xFF);
                one(&mut message, &record);
            }
            Self::OtherNumber => {
                message[0] ^= 1;
                one(&mut message, &[&[0xC0, 12], &text[..]].concat());
            }
            Self::Failure => message[3] |= 2,
        }
        Some(message)
    }
}

/// A running server; it ends with the value.
pub(crate) struct Liar {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Liar {
    pub(crate) async fn start(lie: Lie) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut query = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                if let Some(answer) = lie.answer(&query[..length]) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Self { address, task }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}
