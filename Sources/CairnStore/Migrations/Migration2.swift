// Version 2: the decisions of a session are found without reading those of all others.

extension Migration {
    static let decisionsOfSession = Migration(
        version: 2, sql: "CREATE INDEX decisions_of_session ON decisions (session, number)")
}
