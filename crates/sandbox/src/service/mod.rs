//! The services, each answering in AWS's words.

pub(crate) mod account;
pub(crate) mod cloudtrail;
pub(crate) mod kms;
pub(crate) mod kms_wire;
pub(crate) mod organizations;
pub(crate) mod paging;
pub(crate) mod s3;
pub(crate) mod small;
pub(crate) mod sts;
