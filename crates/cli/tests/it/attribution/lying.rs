//! A node that answers as another one does, but for what it lies about.

use anyhow::Context;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// What a node lies about: a hexadecimal string in the results of a method.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lie {
    pub(super) method: &'static str,
    /// Where the string stands in the result; empty: it is the result.
    pub(super) pointer: &'static str,
}

impl Lie {
    /// Changes the string's last digit.
    fn tell(self, method: &str, result: &mut Value) {
        if method != self.method {
            return;
        }
        let Some(value) = result.pointer_mut(self.pointer) else {
            return;
        };
        let text = value.as_str().unwrap_or_default();
        let last = if text.ends_with('1') { '2' } else { '1' };
        let kept = text.split_at_checked(text.len().saturating_sub(1));
        *value = format!("{}{last}", kept.unwrap_or_default().0).into();
    }
}

/// Serves until the test's process ends.
pub(super) struct LyingNode {
    pub(super) url: String,
}

impl LyingNode {
    /// Before the node at `upstream`.
    pub(super) fn start(upstream: &str, lie: Lie) -> anyhow::Result<Self> {
        let address = upstream.trim_start_matches("http://").trim_end_matches('/');
        let address = address.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let address = address.clone();
                // A connection that ends is no failure of the test's.
                thread::spawn(move || serve(stream, &address, lie));
            }
        });
        Ok(Self { url })
    }
}

fn serve(stream: TcpStream, upstream: &str, lie: Lie) -> anyhow::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let request = read_body(&mut reader)?;
        let method: Value = serde_json::from_slice(&request)?;
        let method = method["method"].as_str().unwrap_or_default().to_owned();
        let mut forwarded = TcpStream::connect(upstream)?;
        write!(
            forwarded,
            "POST / HTTP/1.1\r\nhost: {upstream}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            request.len()
        )?;
        forwarded.write_all(&request)?;
        let answer = read_body(&mut BufReader::new(forwarded))?;
        let mut answer: Value = serde_json::from_slice(&answer)?;
        if let Some(result) = answer.get_mut("result") {
            lie.tell(&method, result);
        }
        let answer = answer.to_string();
        write!(
            writer,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        )?;
    }
}

/// The body of a message with a length.
fn read_body(reader: &mut impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            anyhow::bail!("the connection ended");
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = Some(value.trim().parse::<usize>()?);
        }
    }
    let mut body = vec![0; length.context("no content-length")?];
    reader.read_exact(&mut body)?;
    Ok(body)
}
