//! HTTP/1.1 over one kept-alive connection, as lean as it can be: the load generator shares its cores with
//! the node that it measures, so a request is one write of bytes that were rendered beforehand, and an
//! answer is read into a buffer that is used again.

use anyhow::{Context as _, Result, bail, ensure};
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The largest response that is read, bytes.
const RESPONSE_BYTES_MAX: usize = 512 << 20;
/// The largest response head that is read, bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes that the receive buffer starts with and shrinks back to.
const BUFFER_BYTES: usize = 64 << 10;

/// A rendered POST request: head and body, ready to be written.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// Renders a request with a JSON body.
    pub fn json(body: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(body.len() + 128);
        bytes.extend_from_slice(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ",
        );
        bytes.extend_from_slice(body.len().to_string().as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(body);
        Self { bytes }
    }
}

/// A kept-alive connection with at most one request under way.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What was received of the current response.
    buffer: Vec<u8>,
    /// The body of a chunked response.
    joined: Vec<u8>,
}

/// What the head of a response says about its body.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins.
    body: usize,
    length: Length,
}

#[derive(Debug, PartialEq, Eq)]
enum Length {
    Known(usize),
    Chunked,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The connection is refused.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            joined: Vec::new(),
        })
    }

    /// Sends a request and reads the whole response, whose body is answered.
    ///
    /// # Errors
    /// A broken connection, a malformed or oversized response, or a status other than 200.
    pub async fn post(&mut self, request: &Request) -> Result<&[u8]> {
        self.stream
            .write_all(&request.bytes)
            .await
            .context("sending a request")?;
        self.buffer.clear();
        if self.buffer.capacity() > 16 * BUFFER_BYTES {
            self.buffer.shrink_to(BUFFER_BYTES);
        }
        let head = loop {
            self.receive().await?;
            if let Some(head) = parse_head(&self.buffer)? {
                break head;
            }
            ensure!(
                self.buffer.len() <= HEAD_BYTES_MAX,
                "the response's head has no end"
            );
        };
        let body = match head.length {
            Length::Known(length) => {
                let end = head.body + length;
                while self.buffer.len() < end {
                    self.receive().await?;
                }
                &self.buffer[head.body..end]
            }
            Length::Chunked => {
                let mut at = head.body;
                self.joined.clear();
                while !join_chunk(&self.buffer, &mut at, &mut self.joined)? {
                    self.receive().await?;
                }
                &self.joined[..]
            }
        };
        if head.status != 200 {
            bail!(
                "HTTP status {}: {}",
                head.status,
                String::from_utf8_lossy(body)
            );
        }
        Ok(body)
    }

    /// Asks for what is at a path, whose body is answered.
    ///
    /// # Errors
    /// As [`Self::post`].
    pub async fn get(&mut self, path: &str) -> Result<&[u8]> {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
        self.post(&Request { bytes }).await
    }

    async fn receive(&mut self) -> Result<()> {
        ensure!(
            self.buffer.len() < RESPONSE_BYTES_MAX,
            "the response has more than {RESPONSE_BYTES_MAX} bytes"
        );
        if self.buffer.capacity() == self.buffer.len() {
            self.buffer.reserve(self.buffer.len().max(BUFFER_BYTES));
        }
        let read = self
            .stream
            .read_buf(&mut self.buffer)
            .await
            .context("reading a response")?;
        if read == 0 {
            let closed = io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the node closed the connection",
            );
            return Err(closed).context("reading a response");
        }
        Ok(())
    }
}

/// The head, once it is complete.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("the response's head is not text")?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .context("the response has no HTTP/1.1 status line")?;
    let mut length = None;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(Length::Known(value.parse().context("content-length")?));
        } else if name.eq_ignore_ascii_case("transfer-encoding")
            && value.eq_ignore_ascii_case("chunked")
        {
            length = Some(Length::Chunked);
        }
    }
    let length = length.context("the response says neither its length nor that it is chunked")?;
    if let Length::Known(length) = length {
        ensure!(
            length <= RESPONSE_BYTES_MAX,
            "the response has {length} bytes"
        );
    }
    Ok(Some(Head {
        status,
        body: end + 4,
        length,
    }))
}

/// Appends the complete chunks from `at` on to `joined`; whether the last one was among them.
fn join_chunk(bytes: &[u8], at: &mut usize, joined: &mut Vec<u8>) -> Result<bool> {
    loop {
        let rest = &bytes[*at..];
        let Some(line) = rest.windows(2).position(|two| two == b"\r\n") else {
            return Ok(false);
        };
        let size = std::str::from_utf8(&rest[..line])
            .ok()
            .and_then(|text| usize::from_str_radix(text.split(';').next()?.trim(), 16).ok())
            .context("the size of a chunk")?;
        ensure!(size <= RESPONSE_BYTES_MAX, "a chunk has {size} bytes");
        // Data, then an empty line; trailers are not used by any node.
        let Some(data) = rest.get(line + 2..line + 4 + size) else {
            return Ok(false);
        };
        *at += line + 4 + size;
        if size == 0 {
            return Ok(true);
        }
        joined.extend_from_slice(&data[..size]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_parsed_once_it_is_complete() {
        let response =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..response.len() - 2 {
            let head = parse_head(&response[..cut]).unwrap();
            assert_eq!(head, None, "{cut}");
        }
        let head = parse_head(response).unwrap().unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(head.length, Length::Known(2));
        assert_eq!(&response[head.body..], b"{}");
    }

    #[test]
    fn chunks_are_joined_however_they_arrive() {
        let body = b"4\r\nWiki\r\n6;ext=1\r\npedia \r\n0\r\n\r\n";
        for cut in 0..body.len() {
            let (mut at, mut joined) = (0, Vec::new());
            assert!(
                !join_chunk(&body[..cut], &mut at, &mut joined).unwrap(),
                "{cut}"
            );
            assert!(join_chunk(body, &mut at, &mut joined).unwrap());
            assert_eq!(joined, b"Wikipedia ");
        }
    }

    #[test]
    fn a_response_without_length_is_refused() {
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse_head(b"SSH-2.0\r\n\r\n").is_err());
    }
}
