//! Reads the payload of a signed report.

use crate::json::{self, JsonError, Members, Value};
use crate::report::{AllTime, Ci, Expiring, General, PrimaryKey, Report, ReportError, Signed, Step, User};
use crate::time::Timestamp;

/// Reads a payload; what follows from other members, such as averages, is not read but worked out again.
///
/// # Errors
/// [`ReportError::Json`] names the member at fault.
pub fn parse(payload: &[u8]) -> Result<Signed, ReportError> {
    json::parse(payload).and_then(|value| Fields::of(value, "report")).and_then(signed).map_err(ReportError::Json)
}

fn signed(mut fields: Fields<'_>) -> Result<Signed, JsonError> {
    fields.find("crit").map_or(Ok(()), |value| value.into_critical(&[]))?;
    let mut id = |name| fields.text(name)?.ok_or(JsonError::Missing(name));
    let (proof_id, license_id) = (id("proofId")?, id("licenseId")?);
    Ok(Signed { proof_id, license_id, report: report(fields)? })
}

/// The members of an object that are still to be read.
struct Fields<'a>(Members<'a>);

impl<'a> Fields<'a> {
    fn of(value: Value<'a>, name: &str) -> Result<Self, JsonError> {
        value.into_object(name).map(Self)
    }

    fn find(&mut self, name: &str) -> Option<Value<'a>> {
        let at = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn take(&mut self, name: &'static str) -> Result<Value<'a>, JsonError> {
        self.find(name).ok_or(JsonError::Missing(name))
    }

    fn object(&mut self, name: &'static str) -> Result<Self, JsonError> {
        Self::of(self.take(name)?, name)
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        item: impl Fn(Self) -> Result<T, JsonError>,
    ) -> Result<Vec<T>, JsonError> {
        let items = self.take(name)?.into_array(name)?;
        items.into_iter().map(|value| Self::of(value, name).and_then(&item)).collect()
    }

    fn count(&mut self, name: &'static str) -> Result<u64, JsonError> {
        self.take(name)?.into_count(name)
    }

    fn moment(&mut self, name: &'static str) -> Result<Timestamp, JsonError> {
        self.take(name)?.into_timestamp(name)
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, JsonError> {
        self.find(name).map(|value| value.into_text(name).map(Into::into)).transpose()
    }
}

fn report(mut fields: Fields<'_>) -> Result<Report, JsonError> {
    let key = fields.take("primaryKey")?;
    let primary_key = match &key {
        Value::String(name) => PrimaryKey::parse(name),
        _ => None,
    };
    let primary_key = primary_key.ok_or_else(|| JsonError::value("primaryKey", "a primary key of reports", &key))?;
    let mut general = fields.object("generalMetrics")?;
    let mut period = general.object("reportPeriod")?;
    Ok(Report {
        primary_key,
        from: period.moment("from")?,
        to: period.moment("to")?,
        as_of: fields.moment("asOf")?,
        general: General {
            total_licenses: general.count("totalLicenses")?,
            tier: general.text("tier")?,
            operator_version: general.text("operatorVersion")?,
            last_operator_event: general
                .find("lastOperatorEvent")
                .map(|value| value.into_timestamp("lastOperatorEvent"))
                .transpose()?,
        },
        all_time: all_time(fields.object("allTimeMetrics")?)?,
        ci: ci(fields.object("ciMetrics")?)?,
        users: fields.list("userMetrics", |fields| user(fields, primary_key))?,
        steps: fields.list("steps", step)?,
        days_per_step: fields.count("daysPerStep")?,
        expiring: fields.list("expiringSoon", expiring)?,
    })
}

fn all_time(mut fields: Fields<'_>) -> Result<AllTime, JsonError> {
    Ok(AllTime {
        session_count: fields.count("totalSessionCount")?,
        session_seconds: fields.count("totalSessionTimeSeconds")?,
        ci_session_count: fields.count("totalCiSessionCount")?,
    })
}

fn ci(mut fields: Fields<'_>) -> Result<Ci, JsonError> {
    let average = fields.find("avgCiSessionDurationSeconds").filter(|value| *value != Value::Null);
    Ok(Ci {
        running: fields.count("currentRunningSessions")?,
        most_at_once: fields.count("maxConcurrentCiSessions")?,
        session_count: fields.count("totalCiSessions")?,
        average_seconds: average.map(|value| value.into_count("avgCiSessionDurationSeconds")).transpose()?,
    })
}

fn user(mut fields: Fields<'_>, primary_key: PrimaryKey) -> Result<User, JsonError> {
    let key = match primary_key {
        PrimaryKey::ClientHostname => "clientHostname",
        PrimaryKey::ClientUsername => "clientUsername",
        PrimaryKey::MachineId => "machineId",
        PrimaryKey::Username => "username",
    };
    Ok(User {
        key: fields.text(key)?,
        first_active: fields.moment("firstActive")?,
        last_seen: fields.moment("lastSeen")?,
        session_seconds: fields.count("totalSessionTimeSeconds")?,
        session_count: fields.count("totalSessionCount")?,
    })
}

fn step(mut fields: Fields<'_>) -> Result<Step, JsonError> {
    Ok(Step {
        day: fields.moment("day")?,
        session_count: fields.count("sessions")?,
        seats: fields.count("seats")?,
        cap: fields.find("cap").map(|value| value.into_count("cap")).transpose()?,
    })
}

fn expiring(mut fields: Fields<'_>) -> Result<Expiring, JsonError> {
    Ok(Expiring {
        license_id: fields.text("licenseId")?.ok_or(JsonError::Missing("licenseId"))?,
        tenant_id: fields.text("tenantId")?.ok_or(JsonError::Missing("tenantId"))?,
        label: fields.text("label")?,
        expires_at: fields.moment("expiresAt")?,
    })
}
