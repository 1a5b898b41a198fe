import CairnWire
import Testing

struct UsageObjectsTests {
    private func merged(_ first: String, _ second: String) -> String {
        String(decoding: UsageObjects.merged(Array(first.utf8), with: Array(second.utf8)), as: UTF8.self)
    }

    private func sum(_ first: String, _ second: String) -> String {
        String(decoding: UsageObjects.sum(Array(first.utf8), Array(second.utf8)), as: UTF8.self)
    }

    @Test func `members of the second take the place of the first's, new ones follow`() {
        #expect(merged(#"{"a":1,"b":{"x":[1,2]}}"#, #"{"b":3,"c":"}"}"#) == #"{"a":1,"b":3,"c":"}"}"#)
    }

    @Test func `spelling stays as it came`() {
        #expect(merged(#"{ "a" : 1.0 , "b":"\"" }"#, #"{"c": 1e3 }"#) == #"{"a" : 1.0,"b":"\"","c": 1e3}"#)
    }

    @Test func `empty objects add nothing`() {
        #expect(merged("{}", #"{"a":1}"#) == #"{"a":1}"#)
        #expect(merged(#"{"a":1}"#, "{}") == #"{"a":1}"#)
        #expect(sum("{}", "{}") == "{}")
    }

    @Test func `what is no object leaves the second as it is`() {
        #expect(merged("nonsense", #"{"a":1}"#) == #"{"a":1}"#)
        #expect(merged(#"{"a":"open}"#, #"{"b":1}"#) == #"{"b":1}"#)
        #expect(sum("[1]", #"{"b":1}"#) == #"{"b":1}"#)
    }

    @Test func `numbers of one name are added up, in objects too`() {
        let first = #"{"prompt_tokens":10,"details":{"cached":3,"kind":"a"},"tier":"x","only":1}"#
        let second = #"{"prompt_tokens": 5,"details":{"cached":4,"kind":"b","new":2},"tier":null,"later":7}"#
        #expect(
            sum(first, second)
                == #"{"prompt_tokens":15,"details":{"cached":7,"kind":"b","new":2},"tier":"x","only":1,"later":7}"#)
    }

    @Test func `a sum stops at the largest number`() {
        #expect(sum(#"{"a":9223372036854775807}"#, #"{"a":1}"#) == #"{"a":9223372036854775807}"#)
        #expect(sum(#"{"a":1.5}"#, #"{"a":2.5}"#) == #"{"a":2.5}"#)
    }
}
