//! A proxy between a client and a `PostgreSQL` server. It cuts the connection at one message of the client, before or
//! after the server received it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A proxy that cuts once.
pub(crate) struct Cutter {
    port: u16,
    plan: Arc<Plan>,
}

struct Plan {
    /// How many client messages arrived so far.
    seen: AtomicU64,
    /// The number of the message at which it cuts.
    at: u64,
    /// Whether the server still receives that message.
    after: bool,
    done: AtomicBool,
}

impl Cutter {
    /// Listens in front of the server at port `server`. `u64::MAX` never cuts.
    pub(crate) fn start(server: u16, at: u64, after: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Plan { seen: AtomicU64::new(0), at, after, done: AtomicBool::new(false) });
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                let plan = Arc::clone(&shared);
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                std::thread::spawn(move || {
                    let _ = plan.pass(&client, &server);
                    let _ = client.shutdown(Shutdown::Both);
                    let _ = server.shutdown(Shutdown::Write);
                });
            }
        });
        Self { port, plan }
    }

    /// The port on which it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many messages passed.
    pub(crate) fn seen(&self) -> u64 {
        self.plan.seen.load(Ordering::SeqCst)
    }

    /// Whether it has cut.
    pub(crate) fn has_cut(&self) -> bool {
        self.plan.done.load(Ordering::SeqCst)
    }
}

impl Plan {
    /// Forwards the client's messages until the cut.
    fn pass(&self, mut client: &TcpStream, mut server: &TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let mut first = true;
        loop {
            // The first message of a connection has no type byte before its length.
            let mut head = vec![0; if first { 4 } else { 5 }];
            client.read_exact(&mut head)?;
            let length = u32::from_be_bytes(head[head.len() - 4..].try_into().unwrap());
            let mut body = vec![0; length as usize - 4];
            client.read_exact(&mut body)?;
            first = false;
            let number = self.seen.fetch_add(1, Ordering::SeqCst);
            let cuts = number == self.at;
            if !cuts || self.after {
                server.write_all(&[head, body].concat())?;
            }
            if cuts {
                self.done.store(true, Ordering::SeqCst);
                // The client does not receive the reply.
                client.shutdown(Shutdown::Both)?;
                std::thread::sleep(std::time::Duration::from_millis(20));
                return Ok(());
            }
        }
    }
}
