//! Reads and writes frames: a length, then the content.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

/// The maximum length of a frame's content, in bytes. The arguments and the environment of a Linux program are limited
/// to less than that.
pub const MOST_BYTES: usize = 8 << 20;

/// Writes a frame. Blocks as the stream does.
///
/// # Errors
/// `InvalidInput` if the content is too long, or the error of the stream.
pub fn write_frame(mut stream: impl Write, content: &[u8]) -> io::Result<()> {
    stream.write_all(&header(content)?)?;
    stream.write_all(content)
}

/// Reads a frame. Returns `None` at the end of the stream. Blocks as the stream does.
///
/// # Errors
/// `InvalidData` if the frame is too long, `UnexpectedEof` if it is cut short, or the error of the stream.
pub fn read_frame(mut stream: impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut header = [0; 4];
    loop {
        match stream.read(&mut header[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    stream.read_exact(&mut header[1..])?;
    read_content(stream, header).map(Some)
}

/// Returns the header of a frame: the length of its content.
pub(crate) fn header(content: &[u8]) -> io::Result<[u8; 4]> {
    match u32::try_from(content.len()) {
        Ok(length) if content.len() <= MOST_BYTES => Ok(length.to_le_bytes()),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Reads the content after a header.
pub(crate) fn read_content(mut stream: impl Read, header: [u8; 4]) -> io::Result<Zeroizing<Vec<u8>>> {
    let length = usize::try_from(u32::from_le_bytes(header)).map_err(io::Error::other)?;
    if length > MOST_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut content = Zeroizing::new(vec![0; length]);
    stream.read_exact(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_frame_is_read() {
        let large = vec![7; 70_000];
        let mut stream = Vec::new();
        for content in [&b""[..], b"a", &large] {
            write_frame(&mut stream, content).unwrap();
        }
        let mut stream = stream.as_slice();
        for content in [&b""[..], b"a", &large] {
            assert_eq!(**read_frame(&mut stream).unwrap().unwrap(), *content);
        }
        assert!(read_frame(&mut stream).unwrap().is_none());
    }

    #[test]
    fn a_frame_that_is_cut_or_too_long_is_refused() {
        for stream in [&[1, 0][..], &[2, 0, 0, 0, 9], &[255; 4]] {
            assert!(read_frame(stream).is_err(), "{stream:?}");
        }
        assert!(write_frame(Vec::new(), &vec![0; MOST_BYTES + 1]).is_err());
    }
}
