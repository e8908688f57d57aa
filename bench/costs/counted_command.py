"""`python -m bench.costs.counted_command FILE …` is `monthclose …`; it writes down how often AWS was asked for what."""

import json
import sys
from collections import Counter
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import botocore.client

from cli.start import main

if __name__ == "__main__":
    with suppress(
        ImportError
    ):  # where it exists, it makes the SDK's calls only for those who come in front of them later
        import_module("monthclose.adapters.dynamo.direct")
    counts, base = Counter[str](), botocore.client.BaseClient
    real = base._make_api_call  # type: ignore[attr-defined]

    def counting(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        counts[f"{self.meta.service_model.service_id} {operation}"] += 1
        return real(self, operation, arguments)

    base._make_api_call = counting  # type: ignore[attr-defined]
    out = Path(sys.argv.pop(1))
    try:
        main()
    finally:
        out.write_text(json.dumps(counts))
