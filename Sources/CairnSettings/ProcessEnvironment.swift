// The environment of this process as a value: what the command passes to Command.parse.

@preconcurrency import Glibc

public enum ProcessEnvironment {
    /// The variables by name; the first one wins where a name is there twice. Call it at start,
    /// before other threads run: the C library's table may change under a reader when someone calls
    /// setenv.
    public static func variables() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let line = String(cString: text)
            entry += 1
            guard let equals = line.firstIndex(of: "=") else { continue }
            let name = String(line[..<equals])
            if variables[name] == nil { variables[name] = String(line[line.index(after: equals)...]) }
        }
        return variables
    }
}
