// The first place at which a stored call is not what its proof says.

import CairnCore

/// Why a call could not be proven. Holds no prompt text.
public struct ProofFailure: Error, Equatable, Sendable {
    public enum Reason: Equatable, Sendable {
        /// A link of the conversation is not in the store.
        case linkMissing
        /// A link's name does not follow from the link before it and its turn, or it stands at another place.
        case linkMisplaced
        /// The bytes of a turn or of the tools are not in the store.
        case bytesMissing
        /// Bytes are not what their digest says, or not of the length that was recorded.
        case bytesDiffer
        /// The facts frozen with a link cannot be read, or name other tools than are stored.
        case stateDiffers
        /// The session does not begin at its first link.
        case rootDiffers
        /// The call emitted another number of bytes than the store leads to.
        case lengthDiffers
        /// The call has more or fewer bytes in common with the one before than was recorded.
        case commonBytesDiffer
        /// The recorded reason of the break does not fit the prompts.
        case breakDiffers
        /// An emission had been lost when the call was made: the client's bytes were sent, and they are not kept.
        case emissionLost
        /// The chained proof is another one.
        case proofDiffers
        /// The call before is not in the store; it may still be under way.
        case previousCallMissing
        case storage(StoreError)
    }

    public var reason: Reason
    /// Counted from 0; nil: the tools, or the call as a whole.
    public var turn: Int?
    /// Of the prompt without cache hints, tools first: where the first difference is, or its turn begins.
    public var byte: Int

    init(_ reason: Reason, turn: Int? = nil, byte: Int = 0) {
        self.reason = reason
        self.turn = turn
        self.byte = byte
    }
}

extension ProofFailure: CustomStringConvertible {
    /// What differs, in words.
    public var description: String {
        switch reason {
        case .linkMissing: "a turn is not in the store"
        case .linkMisplaced: "a turn does not follow from the one before"
        case .bytesMissing: "bytes that were sent are not in the store"
        case .bytesDiffer: "stored bytes are not what was sent"
        case .stateDiffers: "the frozen tools are not what was recorded"
        case .rootDiffers: "the session does not begin where it began"
        case .lengthDiffers: "the prompt has another length"
        case .commonBytesDiffer: "the prompt shares another number of bytes with the call before"
        case .breakDiffers: "the recorded break of the prefix is not the one there is"
        case .emissionLost: "an emission had been lost, so the client's bytes were sent, which are not kept"
        case .proofDiffers: "the chained proof differs"
        case .previousCallMissing: "the call before is not in the store; it may still be under way"
        case .storage(let error): "\(error)"
        }
    }
}
