//! A connection's socket, TCP or unix.

use bytes::BufMut;
use std::future::Future;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, RawFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! each {
    ($self:ident, $stream:ident => $body:expr) => {
        match $self {
            Stream::Tcp($stream) => $body,
            Stream::Unix($stream) => $body,
        }
    };
}

impl Stream {
    pub(super) fn fd(&self) -> RawFd {
        each!(self, s => s.as_raw_fd())
    }

    /// Lets the kernel gather small packets.
    pub(super) fn gather(&self) {
        if let Self::Tcp(stream) = self {
            // One that has ended refuses, and sends nothing either.
            let _ = stream.set_nodelay(false);
        }
    }

    /// Reads what is there. A read that does not fill `buf` tells tokio that the socket is drained,
    /// which spares the read that would only say so.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, s => Pin::new(s).poll_read(cx, buf))
    }

    /// Reads up to `most` bytes behind what `buf` holds, into its spare room; `Ok(0)` at the end.
    pub(super) fn poll_read_buf<B: BufMut>(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut B,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let mut room = buf.limit(most);
        // A read is complete or has not begun, so the future may be dropped after one poll.
        each!(self, s => pin!(s.read_buf(&mut room)).poll(cx))
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            [one] => each!(self, s => Pin::new(s).poll_write(cx, one)),
            _ => each!(self, s => Pin::new(s).poll_write_vectored(cx, slices)),
        }
    }
}
