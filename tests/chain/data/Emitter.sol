// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.24;

// Emits the events of the ERC-8004 registries (version 2.0.0) on demand, for tests and benchmarks.
// Each function emits `count` events in one transaction, numbered from `first`.
contract Emitter {
    event Registered(uint256 indexed agentId, string agentURI, address indexed owner);
    event MetadataSet(uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey, bytes metadataValue);
    event URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy);
    event NewFeedback(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        int128 value,
        uint8 valueDecimals,
        string indexed indexedTag1,
        string tag1,
        string tag2,
        string endpoint,
        string feedbackURI,
        bytes32 feedbackHash
    );
    event FeedbackRevoked(uint256 indexed agentId, address indexed clientAddress, uint64 indexed feedbackIndex);
    event ResponseAppended(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        address indexed responder,
        string responseURI,
        bytes32 responseHash
    );
    event ValidationRequest(
        address indexed validatorAddress,
        uint256 indexed agentId,
        string requestURI,
        bytes32 indexed requestHash
    );
    event ValidationResponse(
        address indexed validatorAddress,
        uint256 indexed agentId,
        bytes32 indexed requestHash,
        uint8 response,
        string responseURI,
        bytes32 responseHash,
        string tag
    );
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
    event Unknown(uint256 indexed number, string text);

    function register(uint256 first, uint256 count) external {
        for (uint256 i = first; i < first + count; i++) {
            emit Transfer(address(0), msg.sender, i);
            emit Registered(i, "https://agents.example/card.json", msg.sender);
            emit MetadataSet(i, "agentWallet", "agentWallet", abi.encodePacked(msg.sender));
        }
    }

    function updateURI(uint256 agentId, string calldata uri) external {
        emit URIUpdated(agentId, uri, msg.sender);
    }

    // value = first + i - 50 (so some are negative), agent = (first + i) % agents
    function feedback(uint256 first, uint256 count, uint256 agents, string calldata tag) external {
        for (uint256 i = first; i < first + count; i++) {
            emit NewFeedback(
                i % agents,
                msg.sender,
                uint64(i + 1),
                int128(int256(i)) - 50,
                uint8(i % 3),
                tag,
                tag,
                "second",
                "https://agents.example/mcp",
                "ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
                keccak256(abi.encode(i))
            );
        }
    }

    function giveFeedback(
        uint256 agentId,
        uint64 index,
        int128 value,
        uint8 decimals,
        string calldata tag1,
        string calldata tag2,
        string calldata uri
    ) external {
        emit NewFeedback(
            agentId, msg.sender, index, value, decimals, tag1, tag1, tag2, "", uri, keccak256(bytes(uri))
        );
    }

    function revoke(uint256 agentId, uint64 index) external {
        emit FeedbackRevoked(agentId, msg.sender, index);
    }

    function respond(uint256 agentId, address client, uint64 index, string calldata uri) external {
        emit ResponseAppended(agentId, client, index, msg.sender, uri, keccak256(bytes(uri)));
    }

    function requestValidation(uint256 agentId, string calldata uri) external {
        emit ValidationRequest(msg.sender, agentId, uri, keccak256(bytes(uri)));
    }

    function validate(uint256 agentId, bytes32 requestHash, uint8 response, string calldata tag) external {
        emit ValidationResponse(msg.sender, agentId, requestHash, response, "ipfs://r", keccak256(bytes(tag)), tag);
    }

    function surprise(uint256 number, string calldata text) external {
        emit Unknown(number, text);
    }
}
