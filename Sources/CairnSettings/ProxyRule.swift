// Which proxy the environment names for an upstream. The variables are those of curl and are read in its order:
//
//     http upstream:   http_proxy (lower case only), all_proxy, ALL_PROXY
//     https upstream:  https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY
//     either:          no_proxy, NO_PROXY name the hosts that are reached directly
//
// HTTP_PROXY is not read: a web server's CGI sets it from a client's header of the name Proxy. An empty variable counts
// as none. As with curl, this machine is no exception unless no_proxy names it: whoever knows one rule knows this one.

/// The environment's part in the choice of a proxy.
struct ProxyRule {
    let environment: [String: String]

    /// The proxy for an upstream, or nil: direct. A URL that cannot be used is an error that names its variable; one that
    /// no upstream needs is not looked at.
    func proxy(for url: UpstreamURL) throws(SettingsError) -> ProxyURL? {
        let own = url.scheme == .http ? ["http_proxy"] : ["https_proxy", "HTTPS_PROXY"]
        guard let (variable, text) = first(of: own + ["all_proxy", "ALL_PROXY"]) else { return nil }
        guard try !excludes(url) else { return nil }
        do { return try ProxyURL(parsing: text) } catch { throw error.placed(at: .environment(variable)) }
    }

    private func excludes(_ url: UpstreamURL) throws(SettingsError) -> Bool {
        guard let (variable, text) = first(of: ["no_proxy", "NO_PROXY"]) else { return false }
        do { return try NoProxyList(parsing: text).contains(url) } catch {
            throw error.placed(at: .environment(variable))
        }
    }

    private func first(of variables: [String]) -> (variable: String, text: String)? {
        for variable in variables {
            if let text = environment[variable], !text.isEmpty { return (variable, text) }
        }
        return nil
    }
}
