//! One statement, and only such as reads.

use std::ops::ControlFlow;

use datafusion::sql::{
    parser::{DFParserBuilder, Statement},
    sqlparser::{
        ast::{self, SetExpr},
        dialect::GenericDialect,
        keywords::Keyword,
        tokenizer::{Token, Tokenizer},
    },
};

use crate::error::QueryError;

/// A query longer than this is not a person's: planning takes time and stack in proportion.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// How many operators, parentheses and the like a statement may have.
const MAX_OPERATORS: usize = 2_000;

/// The dialect of views and queries: what Trino and Athena accept is within `sqlparser`'s generic dialect.
pub(crate) const DIALECT: GenericDialect = GenericDialect;

/// Parses `sql` to the one statement it must be, and refuses whatever does not read.
pub(crate) fn parse(sql: &str) -> Result<Statement, QueryError> {
    let mut statements = parse_all(sql)?;
    match (statements.pop(), statements.len()) {
        (None, _) => Err(QueryError::NoStatement),
        (Some(statement), 0) => {
            check(&statement)?;
            Ok(statement)
        }
        (Some(_), more) => Err(QueryError::SeveralStatements { count: more + 1 }),
    }
}

/// Parses `sql` to its statements, whatever they do.
pub(crate) fn parse_all(sql: &str) -> Result<Vec<Statement>, QueryError> {
    if sql.len() > MAX_BYTES {
        return Err(QueryError::TooLong { bytes: sql.len(), limit: MAX_BYTES });
    }
    check_complexity(sql)?;
    let parsed = DFParserBuilder::new(sql).with_dialect(&DIALECT).build().and_then(|mut parser| parser.parse_statements());
    parsed.map(Vec::from).map_err(|error| match error.find_root() {
        datafusion::error::DataFusionError::SQL(error, _) => QueryError::syntax(sql, error),
        other => QueryError::planning(other),
    })
}

/// Refuses statements of more operators than a person writes: a chain of them becomes a tree as deep as it is long, and a tree is walked, and in the end
/// dropped, on the stack. Commas make a tree wide, not deep: long lists are no matter.
fn check_complexity(sql: &str) -> Result<(), QueryError> {
    // Text that cannot be split into tokens is the parser's to complain about, with the position.
    let Ok(tokens) = Tokenizer::new(&DIALECT, sql).tokenize() else { return Ok(()) };
    let operators = tokens.iter().filter(|token| match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND | Keyword::OR | Keyword::NOT | Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::CASE | Keyword::JOIN | Keyword::IS
        ),
        Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::Whitespace(_)
        | Token::Comma
        | Token::Period
        | Token::SemiColon
        | Token::RParen
        | Token::RBracket
        | Token::RBrace
        | Token::EOF => false,
        // Whatever else there is, from `+` to `(`, joins or opens something.
        _ => true,
    });
    if operators.count() > MAX_OPERATORS { Err(QueryError::TooComplex { limit: MAX_OPERATORS }) } else { Ok(()) }
}

/// A backslash in the pattern of `LIKE` is a backslash in Trino, unless `ESCAPE` says otherwise; for the engine it is an escape, and so is doubled. Patterns that
/// are computed are left as they are.
pub(crate) fn read_patterns_as_trino(statement: &mut Statement) {
    match statement {
        Statement::Statement(statement) => {
            let _: ControlFlow<()> = ast::visit_expressions_mut(statement, |expression| {
                if let ast::Expr::Like { pattern, escape_char: None, .. } = expression
                    && let ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(pattern), .. }) = pattern.as_mut()
                {
                    *pattern = pattern.replace('\\', "\\\\");
                }
                ControlFlow::Continue(())
            });
        }
        Statement::Explain(explain) => read_patterns_as_trino(&mut explain.statement),
        _ => {}
    }
}

/// Refuses statements that do anything but read. The engine verifies the plan once more: this is here to say it clearly and before anything is planned.
fn check(statement: &Statement) -> Result<(), QueryError> {
    match statement {
        Statement::Statement(statement) => check_ansi(statement),
        Statement::Explain(explain) => check(&explain.statement),
        Statement::CopyTo(_) => Err(read_only("COPY")),
        Statement::CreateExternalTable(_) => Err(read_only("CREATE EXTERNAL TABLE")),
        Statement::Reset(_) => Err(read_only("RESET")),
    }
}

fn check_ansi(statement: &ast::Statement) -> Result<(), QueryError> {
    match statement {
        ast::Statement::Query(query) => check_query(query),
        ast::Statement::Explain { statement, .. } => check_ansi(statement),
        ast::Statement::ShowTables { .. } | ast::Statement::ShowColumns { .. } | ast::Statement::ShowFunctions { .. } | ast::Statement::ExplainTable { .. } => {
            Ok(())
        }
        other => Err(read_only(&verb(other))),
    }
}

fn check_query(query: &ast::Query) -> Result<(), QueryError> {
    for table in query.with.iter().flat_map(|with| &with.cte_tables) {
        check_query(&table.query)?;
    }
    check_body(&query.body)
}

fn check_body(body: &SetExpr) -> Result<(), QueryError> {
    match body {
        SetExpr::Select(select) if select.into.is_some() => Err(read_only("SELECT INTO")),
        SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Table(_) => Ok(()),
        SetExpr::Query(query) => check_query(query),
        SetExpr::SetOperation { left, right, .. } => {
            check_body(left)?;
            check_body(right)
        }
        SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement) | SetExpr::Merge(statement) => Err(read_only(&verb(statement))),
    }
}

fn read_only(statement: &str) -> QueryError {
    QueryError::ReadOnly { statement: statement.to_owned() }
}

/// The first words of the statement as the parser writes it back: `DROP TABLE`, `INSERT INTO`.
fn verb(statement: &ast::Statement) -> String {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).filter(|word| word.chars().all(|c| c.is_ascii_uppercase())).collect();
    if words.is_empty() { "this statement".to_owned() } else { words.join(" ") }
}
