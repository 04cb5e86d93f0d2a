//! Every statement, once for both engines. Placeholders are `?1`, `?2` and so on, which PostgreSQL gets as `$1`, `$2`;
//! `FOR UPDATE` is left out for SQLite, where the one who writes has locked everything.

use super::connection::Many;

pub(crate) const VERSION: &str = "SELECT MAX(version) FROM mintage_schema";
pub(crate) const SET_VERSION: &str = "INSERT INTO mintage_schema (version) VALUES (?1)";

pub(crate) const INSERT_BOOK: &str = "INSERT INTO book (book_id, created_at, revocation_sequence, audit_sequence, audit_hash) \
     VALUES (?1, ?2, 0, 0, '')";
pub(crate) const BOOK: &str = "SELECT book_id, audit_sequence, audit_hash FROM book";
pub(crate) const LOCK_BOOK: &str = "SELECT book_id, audit_sequence, audit_hash FROM book FOR UPDATE";
pub(crate) const SET_AUDIT_HEAD: Many<'_> =
    Many { sql: "UPDATE book SET audit_sequence = ?1, audit_hash = ?2", width: 2 };
pub(crate) const LOCK_REVOCATION_SEQUENCE: &str = "SELECT revocation_sequence FROM book FOR UPDATE";
pub(crate) const SET_REVOCATION_SEQUENCE: &str = "UPDATE book SET revocation_sequence = ?1";

/// A table and those of its columns that a row is inserted with.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static str,
}

impl Columns {
    /// How many columns there are.
    pub(crate) fn width(self) -> usize {
        self.columns.split(',').count()
    }

    /// Inserts rows.
    pub(crate) fn insert(self) -> String {
        format!("INSERT INTO {} ({}) {{rows}}", self.table, self.columns)
    }
}

/// Every table of a book, parents first, with all columns, the key first: what an export holds.
pub(crate) const BOOK_TABLES: [Columns; 13] = [
    Columns { table: "book", columns: "book_id, created_at, revocation_sequence, audit_sequence, audit_hash" },
    LICENSE,
    ACTIVATION_COUNT,
    Columns {
        table: "activation",
        columns: "proof_id, license_id, fingerprint, instance_key, environment, product_version, nonce, last_nonce, last_reply, \
                  activated_at, expires_at, seen_at, released_at, release_reason, release, document",
    },
    APPROVAL,
    Columns {
        table: "lease",
        columns: "lease_id, license_id, holder, username, claimed_at, renewed_at, expires_at, borrowed, ended_at, end_reason, \
                  instance_key, release",
    },
    WAITING,
    INSTALLED,
    Columns { table: "usage", columns: "usage_key, tenant_id, limit_key, used, changed_at" },
    Columns {
        table: "session",
        columns: "session_id, license_id, machine_id, username, client_username, client_hostname, is_ci, version, \
                  started_at, ended_at",
    },
    REPORTED,
    Columns { table: "published", columns: "kind, sequence, document, published_at" },
    AUDIT,
];

pub(crate) const CLEAR_BOOK: &str = "DELETE FROM book";

/// Reads the rows of a table after a key, as they are exported.
pub(crate) fn export_page(table: Columns) -> String {
    let Columns { table, columns } = table;
    let key = columns.split(',').next().unwrap_or_default();
    format!("SELECT {columns} FROM {table} WHERE {key} > ?1 ORDER BY {key} LIMIT ?2")
}

/// Asks for any row of a table.
pub(crate) fn any_row(table: Columns) -> String {
    format!("SELECT {} FROM {} LIMIT 1", table.columns, table.table)
}

pub(crate) const COUNT_ANEW: &str = "INSERT INTO activation_count (license_id, activations) SELECT license_id, (SELECT COUNT(*) FROM activation \
     WHERE activation.license_id = license.license_id AND released_at IS NULL) FROM license";

pub(crate) const AUDIT: Columns = Columns {
    table: "audit",
    columns: "sequence, at, actor, action, license_id, target, result, detail, previous, hash",
};
macro_rules! entries {
    ($order:literal) => {
        concat!("SELECT sequence, at, actor, action, license_id, target, result, detail, previous, hash FROM audit \
             WHERE sequence > ?1 AND (CAST(?2 AS TEXT) IS NULL OR license_id = ?2) AND (CAST(?3 AS TEXT) IS NULL OR action = ?3) \
             AND at >= ?4 AND at <= ?5 ORDER BY sequence ", $order, " LIMIT ?6")
    };
}
pub(crate) const AUDIT_PAGE: &str = entries!("ASC");
pub(crate) const AUDIT_NEWEST: &str = entries!("DESC");

/// Reads what the audit tells of the tokens of licenses that were renewed.
pub(crate) const TOKENS_OF_RENEWED: &str = "SELECT license_id, detail FROM audit WHERE action IN ('created', 'renewed') \
     AND license_id IN (SELECT license_id FROM audit WHERE action = 'renewed') ORDER BY sequence";

pub(crate) const ENTRY_OF: &str = "SELECT sequence FROM audit WHERE action = ?1 LIMIT 1";

pub(crate) const STRAY_ENTRY: &str = "SELECT sequence FROM audit WHERE sequence < 1 ORDER BY sequence LIMIT 1";

pub(crate) const LICENSE: Columns = Columns {
    table: "license",
    columns: "license_id, tenant_id, product, tier, label, state, reason, key_id, token, claims, license_key_hash, issued_at, \
              expires_at, grace_until, max_activations, seats, revoked_at, grace_hours, created_at, changed_at, installed",
};

/// How many activations of a license are held: a narrow row of its own, since it is written with each of them.
pub(crate) const ACTIVATION_COUNT: Columns = Columns { table: "activation_count", columns: "license_id, activations" };

macro_rules! licenses {
    ($rest:literal) => {
        concat!(
            "SELECT license_id, tenant_id, product, tier, label, state, reason, key_id, token, claims, issued_at, expires_at, \
             grace_until, max_activations, seats, (SELECT activations FROM activation_count \
             WHERE activation_count.license_id = license.license_id), revoked_at, grace_hours, created_at, changed_at, installed \
             FROM license ",
            $rest
        )
    };
}

pub(crate) const FIND_LICENSE: &str = licenses!("WHERE license_id = ?1");
pub(crate) const TOKEN_BY_LICENSE_KEY: &str = "SELECT token FROM license WHERE license_key_hash = ?1";
pub(crate) const OPENED_BY_LICENSE_KEYS: Many<'_> = Many {
    sql: "SELECT license_key_hash, token, (SELECT name FROM approval \
          WHERE approval.license_id IS NULL OR approval.license_id = license.license_id LIMIT 1) \
          FROM license WHERE license_key_hash = ?*",
    width: 1,
};
pub(crate) const FIND_LICENSE_BY_LICENSE_KEY: &str = licenses!("WHERE license_key_hash = ?1");
pub(crate) const LICENSE_PAGE: &str = licenses!(
    "WHERE license_id > ?1 AND (CAST(?2 AS TEXT) IS NULL OR tenant_id = ?2) AND (CAST(?3 AS TEXT) IS NULL OR state = ?3) \
     AND (CAST(?4 AS TEXT) IS NULL OR key_id = ?4 OR substr(key_id, 1, 16) = ?4 OR license_id IN (SELECT license_id FROM audit \
     WHERE action IN ('created', 'renewed') AND detail LIKE '%\"keyId\":\"' || ?4 || '%')) \
     AND (CAST(?5 AS BIGINT) IS NULL OR expires_at <= ?5) ORDER BY license_id LIMIT ?6"
);
pub(crate) const DUE_LICENSES: &str =
    "SELECT license_id FROM license WHERE state = 'active' AND grace_until < ?1 ORDER BY license_id LIMIT ?2";
pub(crate) const INSTALLED_ACTIVE_BUT: &str =
    "SELECT license_id FROM license WHERE state = 'active' AND installed = 1 AND license_id <> ?1 ORDER BY license_id";
pub(crate) const SET_LICENSE_STATE: &str = "UPDATE license SET state = ?2, reason = ?3, changed_at = ?4, revoked_at = ?5, grace_hours = ?6 \
     WHERE license_id = ?1";
pub(crate) const RENEW_LICENSE: &str = "UPDATE license SET state = ?2, token = ?3, claims = ?4, key_id = ?5, issued_at = ?6, expires_at = ?7, \
     grace_until = ?8, max_activations = ?9, seats = ?10, product = ?11, tier = ?12, label = ?13, changed_at = ?14, reason = ?15 \
     WHERE license_id = ?1";
pub(crate) const SET_LICENSE_KEY: &str =
    "UPDATE license SET license_key_hash = ?2, changed_at = ?3 WHERE license_id = ?1";
pub(crate) const REVOKED: &str =
    "SELECT license_id, revoked_at, grace_hours, reason FROM license WHERE state = 'revoked' ORDER BY license_id";

pub(crate) const ACTIVATION: Columns = Columns {
    table: "activation",
    columns: "proof_id, license_id, fingerprint, instance_key, environment, product_version, nonce, activated_at, \
              expires_at, seen_at, document",
};
pub(crate) const REPEAT_ACTIVATION: &str = "UPDATE activation SET instance_key = COALESCE(?2, instance_key), environment = ?3, product_version = ?4, \
     expires_at = ?5, seen_at = ?6 WHERE proof_id = ?1";

macro_rules! activations {
    ($rest:literal) => {
        concat!(
            "SELECT proof_id, license_id, fingerprint, instance_key, environment, product_version, nonce, activated_at, \
             expires_at, seen_at, released_at, release_reason, document FROM activation ",
            $rest
        )
    };
}

// Those that are held and those that are not have an index each.
pub(crate) const ACTIVATIONS_OF: &str = concat!(
    activations!("WHERE license_id = ?1 AND released_at IS NULL UNION ALL "),
    activations!("WHERE license_id = ?1 AND released_at IS NOT NULL ORDER BY activated_at, proof_id")
);
pub(crate) const FIND_ACTIVATION: &str = activations!("WHERE proof_id = ?1");
pub(crate) const FIND_ACTIVATIONS: Many<'_> = Many { sql: activations!("WHERE proof_id = ?*"), width: 1 };
pub(crate) const RELEASE_ACTIVATION: &str = "UPDATE activation SET released_at = ?2, release_reason = ?3, release = ?4 \
     WHERE proof_id = ?1 AND released_at IS NULL";
pub(crate) const BIND_ACTIVATION: Many<'_> =
    Many { sql: "UPDATE activation SET fingerprint = ?2, document = ?3 WHERE proof_id = ?1", width: 3 };
pub(crate) const LAST_NONCE: &str = "SELECT last_nonce, last_reply FROM activation WHERE proof_id = ?1";
pub(crate) const ROTATE_NONCE: &str =
    "UPDATE activation SET nonce = ?2, last_nonce = ?3, last_reply = ?4, seen_at = ?5 WHERE proof_id = ?1";

pub(crate) const APPROVAL: Columns = Columns {
    table: "approval",
    columns: "approval_id, name, version, sha256, public_key_token, license_id, source, approved_at, approved_by",
};
pub(crate) const FIND_APPROVAL: &str = "SELECT name FROM approval WHERE approval_id = ?1";
pub(crate) const ANY_APPROVAL: &str = "SELECT name FROM approval WHERE license_id IS NULL OR license_id = ?1 LIMIT 1";
pub(crate) const APPROVAL_OF: &str =
    "SELECT name FROM approval WHERE sha256 = ?1 AND (license_id IS NULL OR license_id = ?2) LIMIT 1";
pub(crate) const APPROVALS_OF: &str =
    "SELECT sha256 FROM approval WHERE name = ?1 AND version = ?2 AND (license_id IS NULL OR license_id = ?3)";

pub(crate) const LEASE: Columns = Columns {
    table: "lease",
    columns: "lease_id, license_id, holder, username, claimed_at, renewed_at, expires_at, borrowed, ended_at, end_reason",
};

macro_rules! leases {
    ($rest:literal) => {
        concat!(
            "SELECT lease_id, license_id, holder, username, claimed_at, renewed_at, expires_at, borrowed, ended_at, \
             end_reason FROM lease ",
            $rest
        )
    };
}

pub(crate) const FIND_LEASE: &str = leases!("WHERE lease_id = ?1");
pub(crate) const FIND_LEASE_OF: &str = leases!("WHERE license_id = ?1 AND holder = ?2 AND ended_at IS NULL");
pub(crate) const LEASES_OF: &str = leases!("WHERE license_id = ?1 AND ended_at IS NULL ORDER BY claimed_at, lease_id");
pub(crate) const LEASES_HELD: &str =
    leases!("WHERE ended_at IS NULL AND expires_at >= ?1 ORDER BY license_id, claimed_at, lease_id LIMIT ?2");
pub(crate) const OVERDUE_LEASES: &str =
    leases!("WHERE license_id = ?1 AND ended_at IS NULL AND expires_at < ?2 ORDER BY lease_id");
pub(crate) const LICENSES_WITH_OVERDUE: &str =
    "SELECT DISTINCT license_id FROM lease WHERE ended_at IS NULL AND expires_at < ?1 ORDER BY license_id";
pub(crate) const LEASE_SPANS: &str = "SELECT claimed_at, ended_at FROM lease ORDER BY claimed_at";
pub(crate) const LEASE_SPANS_OF: &str =
    "SELECT claimed_at, ended_at FROM lease WHERE license_id = ?1 ORDER BY claimed_at";
pub(crate) const LAST_LEASE_OF: &str =
    leases!("WHERE license_id = ?1 AND holder = ?2 ORDER BY claimed_at DESC, lease_id DESC LIMIT 1");
pub(crate) const COUNT_LEASES: &str = "SELECT COUNT(*) FROM lease WHERE license_id = ?1 AND ended_at IS NULL";
pub(crate) const EXTEND_LEASE: &str =
    "UPDATE lease SET renewed_at = ?2, expires_at = ?3, borrowed = ?4 WHERE lease_id = ?1";
pub(crate) const SET_LEASE_KEY: Many<'_> = Many {
    sql: "UPDATE lease SET instance_key = ?2 WHERE lease_id = ?1 AND instance_key IS DISTINCT FROM ?2",
    width: 2,
};
pub(crate) const LEASE_KEY: &str = "SELECT instance_key FROM lease WHERE lease_id = ?1";
pub(crate) const SET_LEASE_RELEASE: &str = "UPDATE lease SET release = ?2 WHERE lease_id = ?1";
pub(crate) const END_LEASE: &str = "UPDATE lease SET ended_at = ?2, end_reason = ?3 WHERE lease_id = ?1";

pub(crate) const WAITING: Columns = Columns { table: "waiting", columns: "ticket, license_id, holder, since, seen_at" };
pub(crate) const COUNT_WAITING: &str = "SELECT COUNT(*) FROM waiting WHERE license_id = ?1";
pub(crate) const LAST_TICKET: &str = "SELECT MAX(ticket) FROM waiting WHERE license_id = ?1 AND ticket LIKE '0%'";
pub(crate) const FIND_PLACE: &str = "SELECT since, ticket FROM waiting WHERE license_id = ?1 AND holder = ?2";
pub(crate) const COUNT_AHEAD: &str =
    "SELECT COUNT(*) FROM waiting WHERE license_id = ?1 AND (since < ?2 OR (since = ?2 AND ticket < ?3))";
pub(crate) const WAITING_OF: &str =
    "SELECT holder, since FROM waiting WHERE license_id = ?1 AND seen_at >= ?2 ORDER BY since, ticket";
pub(crate) const SEEN_IN_LINE: &str = "UPDATE waiting SET seen_at = ?3 WHERE license_id = ?1 AND holder = ?2";
pub(crate) const LEAVE_LINE: &str = "DELETE FROM waiting WHERE license_id = ?1 AND holder = ?2";
pub(crate) const TIDY_LINE: &str = "DELETE FROM waiting WHERE license_id = ?1 AND seen_at < ?2";

pub(crate) const INSTALLED: Columns = Columns {
    table: "installed",
    columns: "tenant_id, license_id, token, source, installed_at, installed_by, validated_at, invalid_reason",
};
pub(crate) const FIND_INSTALLED: &str = "SELECT tenant_id, license_id, token, source, installed_at, installed_by, validated_at, invalid_reason \
     FROM installed WHERE tenant_id = ?1";
pub(crate) const SET_INSTALLED: &str = "INSERT INTO installed (tenant_id, license_id, token, source, installed_at, installed_by, validated_at, \
     invalid_reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (tenant_id) DO UPDATE SET \
     license_id = excluded.license_id, token = excluded.token, source = excluded.source, \
     installed_at = excluded.installed_at, installed_by = excluded.installed_by, validated_at = excluded.validated_at, \
     invalid_reason = excluded.invalid_reason";
pub(crate) const SET_VALIDATED: &str =
    "UPDATE installed SET validated_at = ?2, invalid_reason = ?3 WHERE tenant_id = ?1";

pub(crate) const USAGE_OF: &str = "SELECT limit_key, used FROM usage WHERE tenant_id = ?1 ORDER BY limit_key";
pub(crate) const ENSURE_USAGE: &str = "INSERT INTO usage (usage_key, tenant_id, limit_key, used, changed_at) VALUES (?1, ?2, ?3, 0, 0) \
     ON CONFLICT (usage_key) DO NOTHING";
pub(crate) const LOCK_USAGE: &str = "SELECT used FROM usage WHERE usage_key = ?1 FOR UPDATE";
pub(crate) const SET_USAGE: &str = "INSERT INTO usage (usage_key, tenant_id, limit_key, used, changed_at) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (usage_key) DO UPDATE SET used = excluded.used, changed_at = excluded.changed_at";

pub(crate) const BEGIN_SESSION: &str = "INSERT INTO session (session_id, license_id, machine_id, username, client_username, client_hostname, is_ci, \
     version, started_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (session_id) DO NOTHING";
pub(crate) const END_SESSION: &str =
    "UPDATE session SET ended_at = ?3 WHERE session_id = ?1 AND license_id = ?2 AND ended_at IS NULL";
pub(crate) const FIND_SESSION: &str = "SELECT session_id, license_id, machine_id, username, client_username, client_hostname, is_ci, version, \
     started_at, ended_at FROM session WHERE session_id = ?1";
pub(crate) const USES: &str =
    "SELECT machine_id, username, client_username, client_hostname, is_ci, version, started_at, ended_at FROM session";
pub(crate) const USES_OF: &str = "SELECT machine_id, username, client_username, client_hostname, is_ci, version, started_at, ended_at FROM session \
     WHERE license_id IN (?1, '')";
pub(crate) const SESSION_PAGE: &str = "SELECT session_id, license_id, machine_id, username, client_username, client_hostname, is_ci, version, \
     started_at, ended_at FROM session WHERE (started_at > ?1 OR (started_at = ?1 AND session_id > ?2)) AND started_at <= ?3 \
     ORDER BY started_at, session_id LIMIT ?4";

pub(crate) const ENSURE_JOB: &str = "INSERT INTO job (name, holder, held_until, created_at) VALUES (?1, NULL, 0, ?2) \
     ON CONFLICT (name) DO NOTHING";
pub(crate) const LOCK_JOB: &str =
    "SELECT holder, held_until, created_at, succeeded_at FROM job WHERE name = ?1 FOR UPDATE";
pub(crate) const TAKE_JOB: &str = "UPDATE job SET holder = ?2, held_until = ?3, started_at = ?4 WHERE name = ?1";
pub(crate) const JOB_SUCCEEDED: &str = "UPDATE job SET holder = NULL, held_until = ?3, succeeded_at = started_at \
     WHERE name = ?1 AND holder = ?2";
pub(crate) const JOB_FAILED: &str = "UPDATE job SET holder = NULL, held_until = ?3 WHERE name = ?1 AND holder = ?2";
pub(crate) const JOBS: &str = "SELECT name, started_at, succeeded_at FROM job ORDER BY name";

pub(crate) const COUNT_LICENSES: &str = "SELECT state, COUNT(*), CAST(COALESCE(SUM(activations), 0) AS BIGINT), \
     CAST(COALESCE(SUM(max_activations), 0) AS BIGINT), CAST(COALESCE(SUM(seats), 0) AS BIGINT) \
     FROM license LEFT JOIN activation_count ON activation_count.license_id = license.license_id \
     GROUP BY state ORDER BY state";
pub(crate) const COUNT_SEATS: &str = "SELECT COUNT(*) FROM lease WHERE ended_at IS NULL AND expires_at >= ?1";
pub(crate) const COUNT_LINES: &str = "SELECT COUNT(*) FROM waiting WHERE seen_at >= ?1";
pub(crate) const COUNT_FULL: &str = "SELECT COUNT(*) FROM license WHERE state = 'active' AND seats <= (SELECT COUNT(*) FROM lease \
     WHERE lease.license_id = license.license_id AND lease.ended_at IS NULL AND lease.expires_at >= ?1)";

pub(crate) const PUBLISHED_SEQUENCE: &str = "SELECT sequence FROM published WHERE kind = ?1";
pub(crate) const PUBLISHED: &str = "SELECT document FROM published WHERE kind = ?1";
pub(crate) const PUBLISH: &str = "INSERT INTO published (kind, sequence, document, published_at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (kind) DO UPDATE SET sequence = excluded.sequence, document = excluded.document, \
     published_at = excluded.published_at WHERE excluded.sequence > published.sequence";

pub(crate) const REPORTED: Columns = Columns {
    table: "reported",
    columns: "report_id, proof_id, license_id, as_of, period_from, period_to, users, sessions, session_seconds, most_seats, \
              document, imported_at, imported_by",
};

macro_rules! reported {
    ($rest:literal) => {
        concat!(
            "SELECT report_id, proof_id, license_id, as_of, period_from, period_to, users, sessions, session_seconds, \
             most_seats, document, imported_at, imported_by FROM reported ",
            $rest
        )
    };
}

pub(crate) const FIND_REPORTED: &str = reported!("WHERE report_id = ?1");
pub(crate) const NEWEST_REPORTED: &str =
    reported!("WHERE proof_id = ?1 AND period_from = ?2 AND period_to = ?3 ORDER BY as_of DESC LIMIT 1");
pub(crate) const REPORTED_OF: &str = reported!("WHERE license_id = ?1 ORDER BY as_of, report_id");

/// Locks licenses, always in the same order.
pub(crate) const LOCK_LICENSES: Many<'_> =
    Many { sql: "SELECT license_id FROM license WHERE license_id = ?* ORDER BY license_id FOR UPDATE", width: 1 };

/// Finds which ids are taken.
pub(crate) const HELD_IDS: Many<'_> = Many { sql: "SELECT license_id FROM license WHERE license_id = ?*", width: 1 };

/// Reads what activations of licenses are counted against.
pub(crate) const COUNTERS: Many<'_> = Many {
    sql: "SELECT license_id, state, reason, grace_until, max_activations, (SELECT activations FROM activation_count \
          WHERE activation_count.license_id = license.license_id) FROM license WHERE license_id = ?*",
    width: 1,
};

/// Finds what machines hold, by license and fingerprint. As a question for each row it is answered from the index, however
/// small an engine thinks that the table is.
macro_rules! held_by {
    ($columns:literal, $more:literal) => {
        concat!(
            "SELECT ",
            $columns,
            "(SELECT proof_id FROM activation \
             WHERE license_id = column1 AND fingerprint = column2 AND released_at IS NULL)",
            $more,
            " FROM ({rows}) AS machine"
        )
    };
}

pub(crate) const HELD_ACTIVATIONS: Many<'_> = Many { sql: held_by!("", ""), width: 2 };

/// As [`HELD_ACTIVATIONS`], with the id that each is to have, and the license that this id stands for already.
pub(crate) const ASKED_ACTIVATIONS: Many<'_> = Many {
    sql: held_by!(
        "column3, ",
        ", COALESCE((SELECT license_id FROM activation WHERE proof_id = column3), \
         (SELECT license_id FROM lease WHERE lease_id = column3))"
    ),
    width: 3,
};

/// Finds the license that an id stands for already, of an activation or of a lease: `ledger release` takes either.
pub(crate) const TAKEN_ID: &str = "SELECT license_id FROM activation WHERE proof_id = ?1 \
     UNION ALL SELECT license_id FROM lease WHERE lease_id = ?1 LIMIT 1";

/// By what machines are found after they have drifted: made of the documents of activations, so that no export holds it.
pub(crate) const ACTIVATION_COMPONENT: Columns =
    Columns { table: "activation_component", columns: "license_id, digest, proof_id" };
pub(crate) const FORGET_COMPONENTS: Many<'_> =
    Many { sql: "DELETE FROM activation_component WHERE proof_id = ?1", width: 1 };
pub(crate) const DOCUMENTS: &str = "SELECT license_id, proof_id, fingerprint, document FROM activation \
     WHERE released_at IS NULL AND document IS NOT NULL ORDER BY proof_id";

/// Finds activations by license and digest, a line for each: those that could be meant, and no more where many have it in
/// common. Asked as `HELD_ACTIVATIONS`.
pub(crate) const HALLMARKED: Many<'_> = Many {
    sql: "SELECT column1, column2, (SELECT string_agg(proof_id, '\n') FROM (SELECT proof_id FROM activation_component \
          WHERE license_id = column1 AND digest = column2 ORDER BY proof_id LIMIT 64) AS found) FROM ({rows}) AS machine",
    width: 2,
};

/// Counts activations up or down, by license; each has its row.
pub(crate) const COUNT_ACTIVATIONS: Many<'_> = Many {
    sql: "INSERT INTO activation_count (license_id, activations) {rows} ON CONFLICT (license_id) DO UPDATE SET \
          activations = activation_count.activations + excluded.activations",
    width: 2,
};
