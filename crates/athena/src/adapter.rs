//! Athena itself, through the AWS SDK. One request each, translated; attempts, their pauses and time limits are those of the configuration.

use aws_config::SdkConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_athena::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use kms_insights_model::{cause, causes};

use crate::{
    api::{
        AthenaApi, ColumnInfo, Execution, ExecutionId, FoundColumn, FoundQuery, FoundTable, Operation, QueryRequest, QueryText, ResultPage, State,
        StatementType,
    },
    error::{ApiFailure, FailureKind},
    names::{Database, WorkGroup},
};

/// The catalog of every account: AWS Glue's.
const CATALOG: &str = "AwsDataCatalog";
/// The most rows of a page. Source: `GetQueryResults` in the Amazon Athena API Reference.
const ROWS_OF_A_PAGE: i32 = 1000;
const MAX_MESSAGE_CHARS: usize = 1000;

/// Athena in one account and Region.
#[derive(Clone, Debug)]
pub struct AwsAthena {
    client: Client,
}

impl AwsAthena {
    /// With the Region, credentials, endpoint, attempts and HTTP client of `config`.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

/// A failure of the SDK in our terms. Codes are read as text: denials and throttling are not in the service's model.
fn failure<E>(operation: Operation) -> impl FnOnce(SdkError<E, HttpResponse>) -> ApiFailure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    move |error| {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let metadata = error.as_service_error().map(ProvideErrorMetadata::meta);
        let code = metadata.and_then(|metadata| metadata.code()).map(str::to_owned);
        let credentials = cause::<CredentialsError>(&error);
        let message = match (metadata.and_then(|metadata| metadata.message()), status) {
            // Below its first line a complaint about a signature repeats the request, session token included.
            (Some(message), _) => message.lines().next().unwrap_or_default().to_owned(),
            (None, Some(status)) if !(200..300).contains(&status) => format!("HTTP status {status}"),
            // The SDK goes on with a paragraph about every place in which it looked.
            _ if matches!(credentials, Some(CredentialsError::CredentialsNotLoaded(_))) => "no credentials found".to_owned(),
            _ => causes(&error),
        };
        let kind = match (code.as_deref(), status) {
            (Some(code), _) => kind_of(code, &message),
            (None, Some(401 | 403)) => FailureKind::AccessDenied,
            (None, Some(429)) => FailureKind::Throttled,
            (None, Some(404)) => FailureKind::NotFound,
            (None, Some(400..=499)) => FailureKind::InvalidRequest,
            (None, Some(500..=599)) => FailureKind::Service,
            _ if credentials.is_some() => FailureKind::Credentials,
            _ => FailureKind::Transport,
        };
        ApiFailure { operation, kind, code, message: message.chars().take(MAX_MESSAGE_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect() }
    }
}

/// Source: "Common Error Types" of the Amazon Athena API Reference. What Glue answers comes as `MetadataException`, in Glue's words.
fn kind_of(code: &str, message: &str) -> FailureKind {
    match code {
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" => FailureKind::AccessDenied,
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" | "SlowDown" => FailureKind::Throttled,
        "ResourceNotFoundException" | "EntityNotFoundException" => FailureKind::NotFound,
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationTokenException" => FailureKind::Credentials,
        "InternalServerException" | "InternalFailure" | "ServiceUnavailable" | "ServiceUnavailableException" | "InternalError" => FailureKind::Service,
        _ if message.contains("not authorized") || message.contains("AccessDenied") => FailureKind::AccessDenied,
        _ if message.contains("EntityNotFound") || message.contains("Entity Not Found") || message.to_ascii_lowercase().contains("not found") => {
            FailureKind::NotFound
        }
        _ => FailureKind::InvalidRequest,
    }
}

fn incomplete(operation: Operation, what: &str) -> ApiFailure {
    ApiFailure { operation, kind: FailureKind::Service, code: None, message: format!("the answer has no {what}") }
}

fn column(column: &types::Column) -> FoundColumn {
    FoundColumn { name: column.name().to_owned(), type_name: column.r#type().unwrap_or_default().to_owned(), comment: column.comment().map(str::to_owned) }
}

impl AthenaApi for AwsAthena {
    async fn start(&self, request: &QueryRequest, token: &str) -> Result<ExecutionId, ApiFailure> {
        const OPERATION: Operation = Operation::StartQueryExecution;
        let context = types::QueryExecutionContext::builder().catalog(CATALOG).set_database(request.database.as_ref().map(ToString::to_string)).build();
        let result = request.output_location.as_ref().map(|place| types::ResultConfiguration::builder().output_location(place.as_str()).build());
        let started = self
            .client
            .start_query_execution()
            .query_string(&request.sql)
            .client_request_token(token)
            .query_execution_context(context)
            .work_group(request.workgroup.as_str())
            .set_result_configuration(result)
            .send()
            .await
            .map_err(failure(OPERATION))?;
        started.query_execution_id.map(ExecutionId).ok_or_else(|| incomplete(OPERATION, "id"))
    }

    async fn execution(&self, id: &ExecutionId) -> Result<Execution, ApiFailure> {
        const OPERATION: Operation = Operation::GetQueryExecution;
        let answer = self.client.get_query_execution().query_execution_id(&id.0).send().await.map_err(failure(OPERATION))?;
        let execution = answer.query_execution.ok_or_else(|| incomplete(OPERATION, "execution"))?;
        let status = execution.status.as_ref();
        let state = match status.and_then(types::QueryExecutionStatus::state) {
            Some(types::QueryExecutionState::Queued) => State::Queued,
            Some(types::QueryExecutionState::Running) => State::Running,
            Some(types::QueryExecutionState::Succeeded) => State::Succeeded,
            Some(types::QueryExecutionState::Failed) => State::Failed,
            Some(types::QueryExecutionState::Cancelled) => State::Cancelled,
            Some(other) => return Err(incomplete(OPERATION, &format!("state that is known, but {:?}", other.as_str()))),
            None => return Err(incomplete(OPERATION, "state")),
        };
        let reason = status
            .and_then(|status| status.state_change_reason().or_else(|| status.athena_error().and_then(types::AthenaError::error_message)).map(str::to_owned));
        let statistics = execution.statistics.as_ref();
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        Ok(Execution {
            state,
            reason,
            statement_type: match execution.statement_type {
                Some(types::StatementType::Ddl) => Some(StatementType::Ddl),
                Some(types::StatementType::Dml) => Some(StatementType::Dml),
                Some(types::StatementType::Utility) => Some(StatementType::Utility),
                _ => None,
            },
            bytes_scanned: number(statistics.and_then(types::QueryExecutionStatistics::data_scanned_in_bytes)).unwrap_or_default(),
            milliseconds: number(statistics.and_then(types::QueryExecutionStatistics::total_execution_time_in_millis)),
            output_location: execution.result_configuration.and_then(|result| result.output_location),
            reused: statistics.and_then(types::QueryExecutionStatistics::result_reuse_information).is_some_and(|reuse| reuse.reused_previous_result),
        })
    }

    async fn results(&self, id: &ExecutionId, page: Option<&str>) -> Result<ResultPage, ApiFailure> {
        const OPERATION: Operation = Operation::GetQueryResults;
        let answer = self
            .client
            .get_query_results()
            .query_execution_id(&id.0)
            .set_next_token(page.map(str::to_owned))
            .max_results(ROWS_OF_A_PAGE)
            .send()
            .await
            .map_err(failure(OPERATION))?;
        let set = answer.result_set.ok_or_else(|| incomplete(OPERATION, "rows"))?;
        let columns = set.result_set_metadata.and_then(|metadata| metadata.column_info).unwrap_or_default();
        let columns = columns
            .into_iter()
            .map(|column| ColumnInfo { name: column.name, type_name: column.r#type, precision: column.precision, scale: column.scale })
            .collect();
        let values = |row: types::Row| row.data.unwrap_or_default().into_iter().map(|datum| datum.var_char_value).collect();
        Ok(ResultPage { columns, rows: set.rows.unwrap_or_default().into_iter().map(values).collect(), next: answer.next_token })
    }

    async fn stop(&self, id: &ExecutionId) -> Result<(), ApiFailure> {
        self.client.stop_query_execution().query_execution_id(&id.0).send().await.map(drop).map_err(failure(Operation::StopQueryExecution))
    }

    async fn has_database(&self, database: &Database) -> Result<bool, ApiFailure> {
        let answer = self.client.get_database().catalog_name(CATALOG).database_name(database.as_str()).send().await;
        match answer.map_err(failure(Operation::GetDatabase)) {
            Ok(_) => Ok(true),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn tables(&self, database: &Database) -> Result<Vec<FoundTable>, ApiFailure> {
        const OPERATION: Operation = Operation::ListTableMetadata;
        let mut pages = self.client.list_table_metadata().catalog_name(CATALOG).database_name(database.as_str()).into_paginator().items().send();
        let mut tables = Vec::new();
        while let Some(table) = pages.next().await {
            let table = table.map_err(failure(OPERATION))?;
            tables.push(FoundTable {
                columns: table.columns().iter().map(column).collect(),
                partition_columns: table.partition_keys().iter().map(column).collect(),
                name: table.name,
                table_type: table.table_type,
                parameters: table.parameters.unwrap_or_default().into_iter().collect(),
            });
        }
        Ok(tables)
    }

    async fn saved_queries(&self, workgroup: &WorkGroup) -> Result<Vec<FoundQuery>, ApiFailure> {
        /// The most ids of a request. Source: `BatchGetNamedQuery` in the Amazon Athena API Reference.
        const IDS: usize = 50;
        let mut pages = self.client.list_named_queries().work_group(workgroup.as_str()).into_paginator().send();
        let mut ids: Vec<String> = Vec::new();
        while let Some(page) = pages.next().await {
            ids.extend(page.map_err(failure(Operation::ListNamedQueries))?.named_query_ids.unwrap_or_default());
        }
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS) {
            let answer =
                self.client.batch_get_named_query().set_named_query_ids(Some(ids.to_vec())).send().await.map_err(failure(Operation::BatchGetNamedQuery))?;
            for query in answer.named_queries.unwrap_or_default() {
                let Some(id) = query.named_query_id else { continue };
                let text = QueryText { name: query.name, description: query.description.unwrap_or_default(), sql: query.query_string };
                found.push(FoundQuery { id, database: query.database, text });
            }
        }
        Ok(found)
    }

    async fn create_saved_query(&self, workgroup: &WorkGroup, database: &Database, text: &QueryText, token: &str) -> Result<(), ApiFailure> {
        self.client
            .create_named_query()
            .name(&text.name)
            .description(&text.description)
            .database(database.as_str())
            .query_string(&text.sql)
            .client_request_token(token)
            .work_group(workgroup.as_str())
            .send()
            .await
            .map(drop)
            .map_err(failure(Operation::CreateNamedQuery))
    }

    async fn update_saved_query(&self, id: &str, text: &QueryText) -> Result<(), ApiFailure> {
        self.client
            .update_named_query()
            .named_query_id(id)
            .name(&text.name)
            .description(&text.description)
            .query_string(&text.sql)
            .send()
            .await
            .map(drop)
            .map_err(failure(Operation::UpdateNamedQuery))
    }
}
