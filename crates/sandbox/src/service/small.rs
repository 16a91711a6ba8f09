//! The few operations of other services that inventories of other makers call before they come to KMS.

use std::fmt::Write as _;

use kms_insights_model::{KeyArn, Region};
use serde_json::{Value, json};

use super::paging::{self, Next};
use crate::{
    Key, Organization,
    identity::Caller,
    reply::{ApiError, Reply, XML},
};

pub(crate) fn answer(organization: &Organization, caller: &Caller, service: &str, operation: &str, request_id: &str) -> Result<Reply, ApiError> {
    caller.check(&format!("{service}:{operation}"), "*").map_err(|error| ApiError { status: 403, code: "AccessDenied".to_owned(), ..error })?;
    let account = organization
        .account(caller.account)
        .ok_or_else(|| ApiError::new(403, "AuthFailure", "AWS was not able to validate the provided access credentials"))?;
    let body = if service == "ec2" {
        let mut regions = String::new();
        for region in account.enabled_regions() {
            let status = if organization.partition().default_regions().contains(&region.as_str()) { "opt-in-not-required" } else { "opted-in" };
            // Writing to a String cannot fail.
            let _ = write!(
                regions,
                "<item><regionName>{region}</regionName><regionEndpoint>ec2.{region}.amazonaws.com</regionEndpoint><optInStatus>{status}</optInStatus></item>"
            );
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><DescribeRegionsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{request_id}</requestId>\
             <regionInfo>{regions}</regionInfo></DescribeRegionsResponse>"
        )
    } else {
        format!(
            "<ListAccountAliasesResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ListAccountAliasesResult><AccountAliases/><IsTruncated>false</IsTruncated>\
             </ListAccountAliasesResult><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></ListAccountAliasesResponse>"
        )
    };
    Ok(Reply::new(200, XML, body))
}

/// `tagging:GetResources`, for keys only. Source: AWS Resource Groups Tagging API Reference.
pub(crate) fn tagged_resources(organization: &Organization, caller: &Caller, region: &str, body: &Value) -> Result<Value, ApiError> {
    caller.check("tag:GetResources", "*")?;
    let region: Region = region.parse().map_err(|_| ApiError::new(400, "InvalidParameterException", "Region"))?;
    let account = organization.account(caller.account).ok_or_else(|| ApiError::new(400, "InvalidParameterException", "account"))?;
    let mapping = |key: &Key<'_>| {
        let tags: Vec<Value> = key.tags().iter().map(|tag| json!({"Key": tag.key, "Value": tag.value})).collect();
        json!({"ResourceARN": key.arn(), "Tags": tags})
    };
    if let Some(arns) = body["ResourceARNList"].as_array().filter(|arns| !arns.is_empty()) {
        let arns = arns.iter().filter_map(|arn| arn.as_str()?.parse::<KeyArn>().ok());
        let keys = arns
            .filter(|arn| arn.account() == account.id && *arn.region() == region)
            .filter_map(|arn| organization.find_key_by_arn(&arn).map(|key| mapping(&key)));
        return Ok(json!({"PaginationToken": "", "ResourceTagMappingList": keys.collect::<Vec<_>>()}));
    }
    let tagged: Vec<Value> = organization.keys(account, &region).filter(|key| !key.tags().is_empty()).map(|key| mapping(&key)).collect();
    let limit = body["ResourcesPerPage"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100).clamp(1, 100);
    let from = body["PaginationToken"].as_str().filter(|token| !token.is_empty());
    let page = paging::page(tagged.len(), from, limit, None).ok_or_else(|| ApiError::new(400, "PaginationTokenExpiredException", "PaginationToken"))?;
    let token = if let Next::Marker(token) = page.next { token } else { String::new() };
    Ok(json!({"PaginationToken": token, "ResourceTagMappingList": tagged[page.start..page.end]}))
}
