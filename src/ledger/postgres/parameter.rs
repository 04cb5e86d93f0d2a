//! Values as PostgreSQL takes them.

use std::error::Error;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::ledger::Value;
use crate::ledger::value::Cell;

/// A value, or those of one column of many rows, which make an array.
#[derive(Debug)]
pub(super) enum Parameter {
    One(Value),
    Column(Vec<Value>),
}

impl Parameter {
    pub(super) fn one(cell: &Cell<'_>) -> Self {
        Self::One(Value::from(*cell))
    }
}

impl ToSql for Value {
    fn to_sql(&self, target: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            // What stands in no column of a table is a text until it is cast.
            Self::Integer(number) if *target == Type::TEXT => number.to_string().to_sql(target, out),
            Self::Integer(number) => number.to_sql(target, out),
            Self::Null => Ok(IsNull::Yes),
            Self::Text(text) => text.to_sql(target, out),
        }
    }

    fn accepts(target: &Type) -> bool {
        matches!(*target, Type::INT8 | Type::NAME | Type::TEXT | Type::VARCHAR)
    }

    to_sql_checked!();
}

impl ToSql for Parameter {
    fn to_sql(&self, target: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::One(value) => value.to_sql(target, out),
            Self::Column(values) => values.to_sql(target, out),
        }
    }

    fn accepts(target: &Type) -> bool {
        Value::accepts(target) || <Vec<Value>>::accepts(target)
    }

    to_sql_checked!();
}
