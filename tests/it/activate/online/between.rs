//! [`Between`]: what stands between a machine and its server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Listens on a port of the system's choice for as long as the test runs.
pub(super) struct Between {
    address: String,
    count: Arc<AtomicUsize>,
}

impl Between {
    /// Hands every request to the server, and loses so many answers first.
    pub(super) fn losing(server: &str, answers: usize) -> Self {
        let server = server.to_owned();
        Self::start(move |mut client, number| {
            let request = read_request(&mut client);
            let mut server = TcpStream::connect(&server).unwrap();
            server.write_all(&request).unwrap();
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).unwrap();
            if number >= answers {
                client.write_all(&answer).unwrap();
            }
        })
    }

    /// Answers whatever comes with one and the same.
    pub(super) fn saying(answer: &'static str) -> Self {
        Self::start(move |mut client, _| {
            read_request(&mut client);
            client.write_all(answer.as_bytes()).unwrap();
        })
    }

    /// Connects clients to whatever they name, as a proxy for TLS does.
    pub(super) fn proxy() -> Self {
        Self::start(|mut client, _| {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
            let server = TcpStream::connect(target).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let sending = std::thread::spawn(move || {
                // Either side may close first.
                let _ = std::io::copy(&mut up, &mut down);
                let _ = down.shutdown(Shutdown::Write);
            });
            let (mut server, mut client) = (server, client);
            let _ = std::io::copy(&mut server, &mut client);
            let _ = client.shutdown(Shutdown::Both);
            sending.join().unwrap();
        })
    }

    fn start(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let count = Arc::new(AtomicUsize::new(0));
        let (counted, serve) = (Arc::clone(&count), Arc::new(serve));
        // It ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (number, serve) = (counted.fetch_add(1, Ordering::SeqCst), Arc::clone(&serve));
                std::thread::spawn(move || serve(client.unwrap(), number));
            }
        });
        Self { address, count }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many have come.
    pub(super) fn connections(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// Reads a head and as much of a body as it announces; asks the server to close after its answer.
fn read_request(client: &mut TcpStream) -> Vec<u8> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let head = String::from_utf8(request).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    client.read_exact(&mut body).unwrap();
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    [head.replacen("post", "POST", 1).replacen("http/1.1", "HTTP/1.1", 1).as_bytes(), &body].concat()
}
