// Version 1: the tables. docs/store.md draws them.

extension Migration {
    static let tables = Migration(
        version: 1,
        sql: """
            CREATE TABLE facts (
                name TEXT NOT NULL PRIMARY KEY,
                value INTEGER NOT NULL
            ) STRICT;
            CREATE TABLE blobs (
                id INTEGER PRIMARY KEY,
                digest BLOB NOT NULL UNIQUE,
                size INTEGER NOT NULL,
                coding INTEGER NOT NULL,
                bytes BLOB NOT NULL
            ) STRICT;
            CREATE TABLE sessions (
                number INTEGER PRIMARY KEY,
                id BLOB NOT NULL UNIQUE,
                root BLOB NOT NULL,
                harness TEXT NOT NULL,
                provider TEXT NOT NULL,
                dialect TEXT NOT NULL,
                model TEXT NOT NULL,
                project_hint TEXT NOT NULL,
                created INTEGER NOT NULL,
                frozen_facts BLOB,
                strategy_versions TEXT NOT NULL
            ) STRICT;
            CREATE TABLE links (
                id INTEGER PRIMARY KEY,
                chain BLOB NOT NULL UNIQUE,
                parent BLOB NOT NULL,
                session BLOB NOT NULL,
                position INTEGER NOT NULL,
                turn BLOB NOT NULL,
                raw BLOB NOT NULL,
                emission BLOB,
                role INTEGER NOT NULL,
                time INTEGER NOT NULL,
                cumulative_bytes INTEGER NOT NULL,
                cumulative_tokens INTEGER NOT NULL,
                state BLOB
            ) STRICT;
            CREATE TABLE texts (
                id INTEGER PRIMARY KEY,
                link INTEGER NOT NULL UNIQUE,
                text TEXT NOT NULL
            ) STRICT;
            CREATE VIRTUAL TABLE text_search USING fts5(
                text, content = 'texts', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
            );
            CREATE TABLE calls (
                number INTEGER PRIMARY KEY,
                id TEXT NOT NULL UNIQUE,
                session BLOB NOT NULL,
                chain BLOB NOT NULL,
                started INTEGER NOT NULL,
                mode TEXT NOT NULL,
                model TEXT NOT NULL,
                upstream TEXT NOT NULL,
                request_bytes INTEGER NOT NULL,
                emitted_bytes INTEGER NOT NULL,
                common_bytes INTEGER NOT NULL,
                common_tokens INTEGER NOT NULL,
                common_bytes_as_sent INTEGER NOT NULL,
                break_code INTEGER NOT NULL,
                break_text TEXT NOT NULL,
                moved_kinds TEXT NOT NULL,
                tools BLOB,
                previous_proof BLOB NOT NULL,
                proof BLOB NOT NULL,
                usage BLOB,
                billed INTEGER,
                predicted INTEGER,
                untouched INTEGER,
                predicted_hit INTEGER,
                reported_hit INTEGER,
                status INTEGER NOT NULL,
                outcome TEXT NOT NULL
            ) STRICT;
            CREATE INDEX calls_of_session ON calls (session, number);
            CREATE INDEX calls_by_time ON calls (started);
            CREATE TABLE decisions (
                number INTEGER PRIMARY KEY,
                handle TEXT NOT NULL,
                session BLOB NOT NULL,
                chain BLOB NOT NULL,
                part INTEGER NOT NULL,
                strategy TEXT NOT NULL,
                strategy_version INTEGER NOT NULL,
                original BLOB NOT NULL,
                emitted BLOB NOT NULL,
                reason TEXT NOT NULL,
                price INTEGER NOT NULL,
                time INTEGER NOT NULL
            ) STRICT;
            CREATE INDEX decisions_by_handle ON decisions (handle, number);
            CREATE TABLE responses (
                id TEXT NOT NULL PRIMARY KEY,
                session BLOB NOT NULL,
                owner BLOB NOT NULL,
                created INTEGER NOT NULL,
                expires INTEGER,
                blob BLOB NOT NULL
            ) STRICT;
            CREATE TABLE events (
                id INTEGER PRIMARY KEY,
                time INTEGER NOT NULL,
                kind TEXT NOT NULL,
                session BLOB,
                text TEXT NOT NULL
            ) STRICT
            """)
}
