"""Starting a function: what is imported before its first call. Counted, for timings drift."""

import json
import os
import subprocess
import sys
from pathlib import Path

import botocore
import pytest

_LAMBDAS = Path(__file__).parents[2] / "lambdas"
UNUSED = {
    "asyncio",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "gocardless_pro",
    "jinja2",
    "monthclose.domain.audit",
    "monthclose.domain.closes.proof",
    "monthclose.domain.events",
    "monthclose.domain.imports.intake",
    "monthclose.domain.pricing.rating",
    "monthclose.domain.rehearsals.rehearsal",
    "monthclose.domain.statements",
    "monthclose.domain.tax.tax_table",
    "stripe",
}
"""What they need to work, if at all. Most of a start's CPU is spent on classes: our own dataclasses before all."""
_MOST_MODULES = 670
"""Python's own included."""


@pytest.mark.parametrize(
    "function", ["apply_holds", "apply_webhook", "charge_customers", "generate_invoices", "receive_webhook"]
)
def test_a_function_imports_no_more_than_it_starts_with(function: str) -> None:
    program = f"import json, sys, monthclose.handlers.{function}; print(json.dumps(sorted(sys.modules)))"
    environment = {
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "LAMBDA_TASK_ROOT": str(_LAMBDAS),
        "PYTHONPATH": os.pathsep.join((str(_LAMBDAS), str(Path(botocore.__file__).parents[1]))),
    }
    command = [sys.executable, "-S", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = set(json.loads(done.stdout))
    assert not found & UNUSED
    assert len(found) <= _MOST_MODULES
