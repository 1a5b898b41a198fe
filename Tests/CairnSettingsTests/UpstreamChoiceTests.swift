// Which upstreams there are, and with which provider and key, when flags, variables and file are
// combined.

import CairnSettings
import Testing

struct UpstreamChoiceTests {
    static let file = """
        upstreams:
          - name: local
            url: http://gpu:8000
            provider: vllm
            api_key_variable: GPU_KEY
            models: ["qwen*"]
          - name: cloud
            url: https://api.openai.com
        """
    static let environment = ["GPU_KEY": "gpu"]

    /// `name=url provider key` of each upstream.
    func lines(_ flags: [String] = [], _ environment: [String: String] = environment, file: String? = nil)
        throws -> [String]
    {
        try serve(flags, environment, file: file).upstreams.map {
            "\($0.name)=\($0.url) \($0.provider) \($0.apiKey?.reveal() ?? "-")"
        }
    }

    @Test func `without any upstream there are three, chosen by the model`() throws {
        let upstreams = try serve().upstreams

        #expect(
            try lines() == [
                "deepseek=https://api.deepseek.com deepseek -",
                "anthropic=https://api.anthropic.com anthropic -",
                "openai=https://api.openai.com openai -",
            ])
        func first(_ model: String) -> String? {
            upstreams.first { $0.serves(model: model, dialect: .chat) }?.name
        }
        #expect(first("deepseek-v4-pro") == "deepseek")
        #expect(first("Claude-Opus-4") == "anthropic")
        #expect(first("gpt-5") == "openai")
        #expect(first("anything") == "openai")
    }

    @Test func `a provider alone is called at its own address`() throws {
        #expect(try lines(["--provider", "vllm"]) == ["vllm=http://127.0.0.1:8000 vllm -"])
        #expect(
            try lines(["--provider", "deepseek", "--api-key", "k"]) == [
                "deepseek=https://api.deepseek.com deepseek k"
            ])
        #expect(
            serveError(["--provider", "generic"])
                == "--provider: the provider generic has no address of its own; give --upstream URL")
    }

    @Test func `an unnamed upstream is named by its provider`() throws {
        #expect(
            try lines([
                "--upstream", "https://api.openai.com/v1", "--upstream", "http://a", "--upstream",
                "http://b/x",
            ]) == [
                "openai=https://api.openai.com openai -", "generic=http://a generic -",
                "generic-2=http://b/x generic -",
            ])
        #expect(
            try lines(["--upstream", "http://a", "--upstream", "generic=http://b"]) == [
                "generic-2=http://a generic -", "generic=http://b generic -",
            ])
        #expect(try lines(["--upstream", "http://a/x=y"]) == ["generic=http://a/x=y generic -"])
    }

    @Test func `provider and key belong to the first upstream`() throws {
        #expect(
            try lines(["--upstream", "http://a", "--provider", "vllm", "--api-key", "k"]) == [
                "vllm=http://a vllm k"
            ])
        #expect(
            try lines(["--upstream", "a=http://a", "--upstream", "b=http://b", "--provider", "sglang"]) == [
                "a=http://a sglang -", "b=http://b generic -",
            ])
    }

    @Test func `the list of upstreams in a variable is split at commas and spaces`() throws {
        #expect(
            try lines([], ["CAIRN_UPSTREAM": "a=http://a, b=http://b\nhttp://c", "CAIRN_API_KEY": "a=1,b=2"])
                == [
                    "a=http://a generic 1", "b=http://b generic 2", "generic=http://c generic -",
                ])
        #expect(
            try lines(["--upstream=http://d"], ["CAIRN_UPSTREAM": "a=http://a"]) == [
                "generic=http://d generic -"
            ])
    }

    @Test func `with several upstreams a key names its own`() throws {
        let two = ["--upstream", "a=http://a", "--upstream", "b=http://b"]

        #expect(
            try lines(two + ["--api-key", "b=k=", "--api-key", "a=x"]) == [
                "a=http://a generic x", "b=http://b generic k=",
            ])
        #expect(
            serveError(two + ["--api-key", "k"])
                == "--api-key: there are several upstreams (a, b); write name=KEY")
        #expect(
            serveError(two + ["--api-key", "c=k"])
                == "--api-key: there are several upstreams (a, b); write name=KEY")
        #expect(serveError(two + ["--api-key", "a="]) == "--api-key: the key is empty")
        #expect(
            serveError(["--api-key", "k"])
                == "--api-key: there are several upstreams (deepseek, anthropic, openai); write name=KEY")
        #expect(
            serveError(two + ["--api-key", "a=1", "--api-key", "a=2"])
                == "--api-key: two keys for the upstream \"a\"")
    }

    @Test func `a key may hold an equals sign`() throws {
        #expect(
            try lines(["--upstream=http://a", "--api-key", "abc=="]) == ["generic=http://a generic abc=="])
        #expect(try lines(["--upstream=a=http://a", "--api-key", "a=abc=="]) == ["a=http://a generic abc=="])
    }

    @Test func `the file's upstreams are used as they are`() throws {
        #expect(
            try lines(file: Self.file) == [
                "local=http://gpu:8000 vllm gpu", "cloud=https://api.openai.com openai -",
            ])
        #expect(
            serveError(file: Self.file)
                == "\(configPath):5: upstreams[0].api_key_variable: the environment variable GPU_KEY is not set"
        )
    }

    @Test func `a key from a flag wins, and then the file's variable is not needed`() throws {
        #expect(
            try lines(["--api-key", "local=flag"], [:], file: Self.file) == [
                "local=http://gpu:8000 vllm flag", "cloud=https://api.openai.com openai -",
            ])
    }

    @Test func `an upstream named in the file only changes its URL`() throws {
        #expect(
            try lines(["--upstream", "cloud=https://api.anthropic.com"], file: Self.file) == [
                "local=http://gpu:8000 vllm gpu", "cloud=https://api.anthropic.com anthropic -",
            ])
        let local = try serve(["--upstream", "local=http://other"], Self.environment, file: Self.file)
            .upstreams[0]
        #expect(local.url.host == "other")
        #expect(local.provider == .vllm)
        #expect(!local.serves(model: "gpt-5", dialect: .chat))
    }

    @Test func `any other upstream replaces the file's list`() throws {
        #expect(
            try lines(["--upstream", "http://a"], [:], file: Self.file) == ["generic=http://a generic -"])
        #expect(
            try lines(["--upstream", "new=http://a"], [:], file: Self.file) == ["new=http://a generic -"])
        #expect(
            try lines(["--upstream", "new=http://a", "--upstream", "local=http://b"], file: Self.file) == [
                "new=http://a generic -", "local=http://b vllm gpu",
            ])
        #expect(
            try lines([], ["CAIRN_UPSTREAM": "http://a"], file: Self.file) == ["generic=http://a generic -"])
    }

    @Test func `an unnamed upstream that gets a name of the file still replaces its list`() throws {
        let file = "upstreams: [{name: generic, url: 'http://a'}, {name: b, url: 'http://b'}]"

        #expect(try lines(["--upstream", "http://c"], file: file) == ["generic=http://c generic -"])
    }

    @Test func `a provider flag applies to the file's only upstream`() throws {
        let one = "upstreams: [{name: a, url: 'http://a'}]"

        #expect(try lines(["--provider", "sglang"], file: one) == ["a=http://a sglang -"])
        #expect(
            serveError(["--provider", "sglang"], file: Self.file)
                == "--provider: the configuration file lists several upstreams; say with --upstream which one is meant"
        )
        #expect(
            try lines(["--provider", "sglang", "--upstream", "local=http://a"], file: Self.file) == [
                "local=http://a sglang gpu", "cloud=https://api.openai.com openai -",
            ])
    }

    @Test func `names are unique and upstreams are limited`() {
        let many = (0...64).flatMap { ["--upstream", "u\($0)=http://h"] }

        #expect(
            serveError(["--upstream", "a=http://a", "--upstream", "a=http://b"])
                == "--upstream: the upstream name \"a\" is used twice")
        #expect(
            serveError(
                ["--upstream", "local=http://a", "--upstream", "local=http://b"], Self.environment,
                file: Self.file)
                == "--upstream: the upstream name \"local\" is used twice")
        #expect(serveError(many) == "--upstream: more than 64 upstreams")
        #expect(serveError(Array(many.dropLast(2))) == nil)
    }

    @Test func `an upstream serves its dialect and its models only`() throws {
        let file =
            "upstreams: [{url: 'http://a', dialect: messages, models: [a*, b]}, {url: 'http://b', dialect: any}]"
        let upstreams = try serve(file: file).upstreams

        #expect(upstreams[0].serves(model: "a1", dialect: .messages))
        #expect(upstreams[0].serves(model: "b", dialect: .messages))
        #expect(!upstreams[0].serves(model: "c", dialect: .messages))
        #expect(!upstreams[0].serves(model: "a1", dialect: .chat))
        #expect(upstreams[1].serves(model: "c", dialect: .responses))
    }
}
