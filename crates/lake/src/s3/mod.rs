//! Amazon S3 as an object store, through the AWS SDK: the same signing, retries, endpoints and credentials as every other request of this program.

mod failure;
mod list;
mod store;
mod upload;

pub use failure::{S3Failure, S3Stage};
pub use store::{S3Options, S3Store};
