//! The checksums that S3's clients send by default. Source: Amazon S3, "Checking object integrity".

use crate::reply::ApiError;

/// The header of each checksum that is verified here, with its reversed polynomial, and its width in bits.
const ALGORITHMS: [(&str, u64, u32); 3] =
    [("x-amz-checksum-crc32", 0xedb8_8320, 32), ("x-amz-checksum-crc32c", 0x82f6_3b78, 32), ("x-amz-checksum-crc64nvme", 0x9a6c_9329_ac4b_c9b5, 64)];

const fn table(polynomial: u64) -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ polynomial } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

static TABLES: [[u64; 256]; 3] = [table(ALGORITHMS[0].1), table(ALGORITHMS[1].1), table(ALGORITHMS[2].1)];

fn crc(algorithm: usize, body: &[u8]) -> u64 {
    let ones = u64::MAX >> (64 - ALGORITHMS[algorithm].2);
    body.iter().fold(ones, |crc, byte| (crc >> 8) ^ TABLES[algorithm][usize::from(crc.to_le_bytes()[0] ^ byte)]) ^ ones
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            text.push(if at <= chunk.len() { char::from(ALPHABET[(word >> (18 - 6 * at) & 63) as usize]) } else { '=' });
        }
    }
    text
}

/// The value of a checksum header for a body; `None` for algorithms that are not verified here (SHA-1, SHA-256, MD5).
pub(super) fn of(header: &str, body: &[u8]) -> Option<String> {
    let at = ALGORITHMS.iter().position(|(name, _, _)| *name == header)?;
    let value = crc(at, body).to_be_bytes();
    Some(base64(if ALGORITHMS[at].2 == 32 { &value[4..] } else { &value }))
}

/// Refuses a body that is not what its checksum says.
pub(super) fn verify(header: &str, told: &str, body: &[u8]) -> Result<(), ApiError> {
    match of(header, body) {
        Some(computed) if computed != told => {
            Err(ApiError::new(400, "BadDigest", format!("The {header} you specified did not match the calculated checksum.")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_catalogue() {
        // The check values for "123456789" in Greg Cook's catalogue of CRC algorithms.
        assert_eq!([crc(0, b"123456789"), crc(1, b"123456789"), crc(2, b"123456789")], [0xcbf4_3926, 0xe306_9283, 0xae8b_1486_0a79_9888]);
        assert_eq!(of("x-amz-checksum-crc32", b"hello").unwrap(), "NhCmhg==");
        assert_eq!(base64(b"a"), "YQ==");
    }
}
