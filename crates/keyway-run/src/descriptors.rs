//! Frames that carry file descriptors.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::cmsg_space;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use zeroize::Zeroizing;

use crate::frame::{header, read_content};

/// The largest number of descriptors in one frame.
const MOST: usize = 3;

/// Writes a frame with the three streams of a program. Blocks as the stream does.
///
/// # Errors
/// As [`write_frame`](crate::write_frame).
pub fn send_frame(
    stream: &UnixStream,
    content: &[u8],
    descriptors: [BorrowedFd<'_>; MOST],
) -> io::Result<()> {
    let header = header(content)?;
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    // Usually one call writes the whole frame.
    let parts = [IoSlice::new(&header), IoSlice::new(content)];
    let written = loop {
        match sendmsg(stream, &parts, &mut control, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut stream = stream;
    let of_header = written.min(header.len());
    stream.write_all(&header[of_header..])?;
    stream.write_all(&content[written - of_header..])
}

/// The content of a frame, and the descriptors that came with it.
pub type Received = (Zeroizing<Vec<u8>>, Vec<OwnedFd>);

/// Reads a frame and the descriptors that came with it. Returns `None` at the end of the stream. Blocks as the stream
/// does.
///
/// # Errors
/// As [`read_frame`](crate::read_frame).
pub fn receive_frame(mut stream: &UnixStream) -> io::Result<Option<Received>> {
    let mut header = [0; 4];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let read = loop {
        let mut part = [IoSliceMut::new(&mut header)];
        match recvmsg(stream, &mut part, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    if read == 0 {
        return Ok(None);
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    stream.read_exact(&mut header[read..])?;
    Ok(Some((read_content(stream, header)?, descriptors)))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn descriptors_arrive_with_their_frame() {
        let (host, helper) = UnixStream::pair().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let content = vec![7; 500_000];
        std::thread::scope(|scope| {
            scope.spawn(|| send_frame(&host, &content, [reader.as_fd(); MOST]).unwrap());
            let (read, descriptors) = receive_frame(&helper).unwrap().unwrap();
            assert_eq!((&*read, descriptors.len()), (&content, MOST));
            writer.write_all(b"x").unwrap();
            let mut byte = [0];
            std::fs::File::from(descriptors.into_iter().next().unwrap()).read_exact(&mut byte).unwrap();
            assert_eq!(byte, *b"x");
        });
        drop(host);
        assert!(receive_frame(&helper).unwrap().is_none());
    }
}
