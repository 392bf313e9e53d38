"""Loaded by Python itself where this directory is on PYTHONPATH: keeps every gRPC message that a process sends or receives.

The library's two (de)serialisers are wrapped, nothing of ours. Messages go to $GRPC_CAPTURE_DIR/<configuration's name>.bin.
"""

import os
import sys
from pathlib import Path
from typing import Any

directory = os.environ.get("GRPC_CAPTURE_DIR")
if directory and sys.orig_argv[-1].endswith(".toml"):
    from grpc import _common

    output = (Path(directory) / f"{Path(sys.orig_argv[-1]).stem}.bin").open("ab", buffering=0)
    serialize, deserialize = _common.serialize, _common.deserialize

    def captured_serialize(message: Any, serializer: Any) -> Any:
        data = serialize(message, serializer)
        output.write(data or b"")
        return data

    def captured_deserialize(serialized_message: bytes, deserializer: Any) -> Any:
        output.write(serialized_message or b"")
        return deserialize(serialized_message, deserializer)

    _common.serialize, _common.deserialize = captured_serialize, captured_deserialize
