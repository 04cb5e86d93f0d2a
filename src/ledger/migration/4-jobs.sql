CREATE TABLE job (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT,
    held_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    succeeded_at BIGINT
);

CREATE TABLE published (
    kind TEXT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    document TEXT NOT NULL,
    published_at BIGINT NOT NULL
);
