import CairnSettings
import Foundation
import Testing

struct ProcessEnvironmentTests {
    @Test func `the variables are those that Foundation sees`() {
        #expect(ProcessEnvironment.variables() == ProcessInfo.processInfo.environment)
    }
}
